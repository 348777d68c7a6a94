//! Days, counted.

/// Days since 1970 of a day in the Gregorian calendar (months and days from 1); `None` where there is no such day.
///
/// ```
/// use dragline_model::days_since_1970;
/// assert_eq!(days_since_1970(2000, 2, 29), Some(11_016));
/// assert_eq!(days_since_1970(1900, 2, 29), None);
/// ```
pub fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // With March as the first month the leap day is the last of a year, and months are 153 days in every five.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468)
}
