//! Exports that were stopped, by a word or by a kill, and gone on with.

use std::{collections::BTreeMap, fs, ops::ControlFlow, path::Path};

use dragline_export::{Event, Export, ExportError, Format, Partition};

use crate::world::{World, copy, files, run};

/// The whole files of a folder, as sets of rows where their bytes may differ.
fn result(out: &Path) -> BTreeMap<String, Vec<u8>> {
    files(out).into_iter().filter(|(name, _)| !name.contains("_dragline-export")).collect()
}

fn forms(world: &World, out: &Path) -> Vec<(&'static str, Export)> {
    let of = |format: Format| world.export(format, out.join("part"));
    let mut single = of(Format::Jsonl);
    single.out = out.join("all.jsonl");
    let mut rolled = of(Format::Csv);
    rolled.rows_per_file = Some(9);
    let mut by_host = of(Format::Jsonl);
    (by_host.partition, by_host.rows_per_file) = (Partition::Host, Some(10));
    #[cfg_attr(not(feature = "parquet"), allow(unused_mut, reason = "Parquet alone adds to them"))]
    let mut forms = vec![("one file", single), ("files", rolled), ("folders", by_host)];
    #[cfg(feature = "parquet")]
    {
        let mut parquet = of(Format::Parquet);
        (parquet.partition, parquet.rows_per_file) = (Partition::Host, Some(6));
        forms.push(("parquet", parquet));
        let mut single = of(Format::Parquet);
        single.out = out.join("all.parquet");
        forms.push(("one parquet", single));
    }
    forms
}

/// Every moment at which the export says something is one at which it may be killed: what is on the disk then is
/// copied, and gone on with elsewhere.
#[test]
fn killed_at_any_moment_it_ends_the_same() {
    let world = World::of(36);
    let (whole, live, dead) = (world.out("whole"), world.out("live"), world.out("dead"));
    for (index, (form, export)) in forms(&world, &whole).into_iter().enumerate() {
        let _ = fs::remove_dir_all(&whole);
        fs::create_dir_all(&whole).unwrap();
        run(&export).unwrap();
        let want = result(&whole);
        assert!(!want.is_empty() && want.keys().all(|name| !name.contains("partial")), "{form}: {want:?}");
        let mut moments = Vec::new();
        fs::create_dir_all(&live).unwrap();
        let again = forms(&world, &live).swap_remove(index).1;
        again
            .run(&mut |_| {
                let at = world.out(&format!("moment-{}", moments.len()));
                copy(&live, &at);
                moments.push(at);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(moments.len() > 36);
        for (nth, moment) in moments.iter().enumerate() {
            copy(moment, &dead);
            let progress = run(&forms(&world, &dead).swap_remove(index).1).unwrap();
            assert!(progress.resumed, "{form} at {nth}");
            let got = result(&dead);
            assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>(), "{form} at {nth}");
            assert!(got == want, "{form} at {nth} has other bytes");
        }
        for moment in moments {
            fs::remove_dir_all(moment).unwrap();
        }
        fs::remove_dir_all(&live).unwrap();
    }
}

/// Stopped in order, again and again, with more committed meanwhile.
#[test]
fn stopped_again_and_again_it_ends_the_same() {
    let world = World::of(60);
    for (form, export) in forms(&world, &world.out("x")) {
        fs::create_dir_all(world.out("x")).unwrap();
        run(&export).unwrap();
        let want = result(&world.out("x"));
        fs::remove_dir_all(world.out("x")).unwrap();
        fs::create_dir_all(world.out("x")).unwrap();
        let mut runs = 0;
        loop {
            let mut seen = 0;
            let progress = export
                .run(&mut |event| {
                    seen += u64::from(matches!(event, Event::Progress(_)));
                    if seen > 13 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
                .unwrap();
            runs += 1;
            // A Parquet file is begun anew: it needs a longer run.
            if !progress.stopped {
                break;
            }
            if runs > 4 {
                run(&export).unwrap();
                break;
            }
        }
        assert!(runs > 3);
        assert!(result(&world.out("x")) == want, "{form}");
        fs::remove_dir_all(world.out("x")).unwrap();
    }
}

#[test]
fn a_file_that_has_lost_its_end_is_told() {
    let world = World::of(60);
    let out = world.out("x.csv");
    let export = world.export(Format::Csv, &out);
    let mut seen = 0;
    export
        .run(&mut |_| {
            seen += 1;
            if seen > 30 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    let partial = world.out("x.csv.partial");
    let bytes = fs::read(&partial).unwrap();
    fs::write(&partial, &bytes[..bytes.len() / 2]).unwrap();
    let error = run(&export).unwrap_err().to_string();
    assert!(
        error.contains("x.csv.partial") && error.contains("lost its end") && error.contains("remove"),
        "{error}"
    );
}

/// Both names of a file that was being finished are there after a kill between the link and the removal.
#[test]
fn killed_between_two_names_it_ends_the_same() {
    let world = World::of(60);
    let out = world.out("out");
    let mut export = world.export(Format::Csv, &out);
    (export.rows_per_file, export.every.records) = (Some(9), 5);
    run(&export).unwrap();
    let want = result(&out);
    fs::remove_dir_all(&out).unwrap();
    let whole = out.join("part-00001.csv");
    let mut moment = None;
    export
        .run(&mut |_| {
            // The account knows the file as one that is being written, which is finished by then.
            let account = fs::read_to_string(out.join("_dragline-export.json")).unwrap();
            if moment.is_none() && whole.exists() && account.contains("\"files\":1,") {
                assert!(account.contains("\"open\":["), "{account}");
                moment = Some(world.out("moment"));
                copy(&out, &world.out("moment"));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    copy(&moment.unwrap(), &out);
    fs::hard_link(&whole, out.join("part-00001.csv.partial")).unwrap();
    assert!(run(&export).unwrap().resumed);
    assert!(result(&out) == want);
    // One file: it was whole, and is told so.
    let one = world.out("all.csv");
    let export = world.export(Format::Csv, &one);
    let account = world.out("all.csv.export");
    let mut said = String::new();
    export
        .run(&mut |_| {
            said = fs::read_to_string(&account).unwrap();
            ControlFlow::Continue(())
        })
        .unwrap();
    fs::write(&account, said.replace("\"whole\":false", "\"whole\":true")).unwrap();
    fs::hard_link(&one, world.out("all.csv.partial")).unwrap();
    assert!(run(&export).unwrap().was_whole);
    assert!(one.exists() && !account.exists() && !world.out("all.csv.partial").exists());
}

/// The same command, run again while it runs, is refused before it touches anything.
#[test]
fn run_twice_at_once_the_second_is_refused() {
    let world = World::of(36);
    let out = world.out("x");
    let mut forms = forms(&world, &out);
    forms.push(("wacz", world.export(Format::Wacz, out.join("all.wacz"))));
    forms.push(("cdxj", world.export(Format::Cdxj, out.join("all.cdxj"))));
    for (form, export) in forms {
        fs::create_dir_all(&out).unwrap();
        let mut refused = 0;
        export
            .run(&mut |_| {
                let before = files(&out);
                let again = run(&export);
                let Err(error @ ExportError::Unfit(_)) = again else { panic!("{form}: {again:?}") };
                assert!(error.to_string().contains("written by another process"), "{form}: {error}");
                assert!(files(&out) == before, "{form}");
                refused += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(refused > 20, "{form}: {refused}");
        let left = files(&out);
        assert!(left.keys().all(|name| !name.ends_with(".lock") && !name.ends_with(".partial")), "{left:?}");
        fs::remove_dir_all(&out).unwrap();
    }
}
