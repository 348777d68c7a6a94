//! A real disk that is full, and one that may not be written: a file system of two megabytes in memory, where this user
//! may mount one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use dragline_storage::{Store, StoreError};

use crate::world::*;

/// Mounted while it lives.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"])
            .arg(at)
            .output();
        mounted.is_ok_and(|it| it.status.success()).then(|| Self(at.to_owned()))
    }

    fn remount(&self, how: &str) {
        let done =
            Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// Text that does not compress to nothing, another for each page.
fn noise(n: u64) -> String {
    let mut word = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..8000)
        .map(|_| {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            char::from(b'a' + (word >> 40) as u8 % 26)
        })
        .collect()
}

#[test]
fn a_full_disk_loses_nothing_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let Some(small) = Small::mount(dir.path(), "8m") else {
        println!("skipped: this user may not mount a file system");
        return;
    };
    let ballast = dir.path().join("ballast");
    fs::write(&ballast, vec![1; 4 << 20]).unwrap();
    let home = dir.path().join("store");
    let store = Store::create_or_open(&home, options()).unwrap();
    let mut writer = store.writer().unwrap();
    let (mut done, mut refused) = (0, 0);
    let mut freed = false;
    while done < 700 {
        let parcel = page(done, &format!("http://a/{done}"), noise(done)).seal(&store);
        match writer.commit(&[parcel]) {
            Ok(receipts) => {
                done += 1;
                assert_eq!(receipts[0].seq, done);
            }
            Err(error) => {
                refused += 1;
                assert!(error.is_disk_full() && error.to_string().contains("free some space"), "{error}");
                assert!(!freed && refused < 10, "it does not go on: {error}");
                // Waiting does not help by itself; room does.
                if refused == 3 {
                    fs::remove_file(&ballast).unwrap();
                    freed = true;
                }
            }
        }
        if done % 50 == 0 {
            let _ = writer.sync();
        }
    }
    assert!(freed, "the disk never was full");
    writer.sync().unwrap();
    check(&store, done);
    drop((writer, store));
    check(&Store::open(&home, options()).unwrap(), done);

    // And one that may not be written any more.
    small.remount("ro");
    let error = Store::open(&home, options()).unwrap_err();
    assert!(matches!(&error, StoreError::Io { .. }), "{error}");
    assert!(
        error.to_string().contains("Read-only file system") && error.to_string().contains("store/lock"),
        "{error}"
    );
    small.remount("rw");
    let store = Store::open(&home, options()).unwrap();
    let parcel = page(done, &format!("http://a/{done}"), noise(done)).seal(&store);
    store.writer().unwrap().commit(&[parcel]).unwrap();
    check(&store, done + 1);
}

fn check(store: &Store, pages: u64) {
    let found = records(store);
    assert_eq!(found.iter().map(|record| record.visit.0).collect::<Vec<_>>(), (0..pages).collect::<Vec<_>>());
    for record in found.iter().step_by(37) {
        assert_eq!(store.payload(record).unwrap().body, noise(record.visit.0));
    }
}
