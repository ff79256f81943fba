//! What the disk makes durable and what it may lose; then the same through the system's calls.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::disk::{Disk, Node, ROOT, Refused};
use super::{Mounted, Names, Part, Rot, Survival, SyncFault, SyncFaultKind, Troubles, Writes};
use crate::clock::Clock;
use crate::dice::Dice;

const SEEDS: u64 = 300;

fn name(text: &str) -> &OsStr {
    OsStr::new(text)
}

fn content(disk: &Disk, folder: Node, of: &str) -> Option<Vec<u8>> {
    let node = disk.look_up(folder, name(of)).ok()?;
    Some(disk.read(node, 0, usize::MAX / 2).unwrap())
}

/// A disk with a durable file `a`, and its node.
fn with_file(bytes: &[u8]) -> (Disk, Node) {
    let mut disk = Disk::default();
    let node = disk.create(ROOT, name("a"), false).unwrap();
    disk.write(node, 0, bytes).unwrap();
    disk.sync(node).unwrap();
    disk.sync(ROOT).unwrap();
    (disk, node)
}

#[test]
fn what_was_synced_survives_every_power_loss() {
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let (mut disk, node) = with_file(b"synced");
        disk.write(node, 100, &[7; 9_000]).unwrap();
        disk.create(ROOT, name("b"), false).unwrap();
        disk.lose_power(Survival::any(&mut dice), &mut dice);
        let there = content(&disk, ROOT, "a").unwrap();
        assert_eq!(&there[..6], b"synced", "seed {seed}");
        let odd = there[6..].iter().any(|byte| *byte != 0 && *byte != 7);
        assert!(!odd, "seed {seed}: bytes that nobody wrote");
        // What is there after a loss is durable.
        let before = disk.clone();
        disk.lose_power(Survival::NOTHING, &mut dice);
        assert_eq!(disk.files(), before.files());
        assert_eq!(content(&disk, ROOT, "a"), Some(there));
    }
}

#[test]
fn what_was_not_synced_is_lost_and_a_file_is_not_its_name() {
    let mut dice = Dice::new(1);
    let (mut disk, node) = with_file(b"old");
    disk.write(node, 0, b"new").unwrap();
    disk.resize(node, 2).unwrap();
    let fresh = disk.create(ROOT, name("b"), false).unwrap();
    disk.write(fresh, 0, b"bytes").unwrap();
    disk.sync(fresh).unwrap();
    let mut named = disk.clone();
    disk.lose_power(Survival::NOTHING, &mut dice);
    assert_eq!(content(&disk, ROOT, "a").unwrap(), b"old");
    assert_eq!(content(&disk, ROOT, "b"), None, "its folder was not synced");
    named.sync(ROOT).unwrap();
    named.lose_power(Survival::NOTHING, &mut dice);
    assert_eq!(content(&named, ROOT, "b").unwrap(), b"bytes");
}

#[test]
fn each_way_to_lose_writes_is_met() {
    let mut lengths = std::collections::BTreeSet::new();
    let mut holes = 0;
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let (mut disk, node) = with_file(b"");
        disk.write(node, 0, &[1; 10]).unwrap();
        disk.write(node, 10, &[2; 10]).unwrap();
        disk.lose_power(Survival { names: Names::Lost, writes: Writes::Torn }, &mut dice);
        let there = content(&disk, ROOT, "a").unwrap();
        assert_eq!(there, [[1; 10], [2; 10]].concat()[..there.len()], "in order");
        lengths.insert(there.len());
        let (mut disk, node) = with_file(b"");
        disk.write(node, 0, &[3; 40_000]).unwrap();
        disk.lose_power(Survival { names: Names::Lost, writes: Writes::Scattered }, &mut dice);
        holes += usize::from(content(&disk, ROOT, "a").unwrap().contains(&0));
    }
    assert!((0..20).all(|len| lengths.contains(&len)), "torn at every byte: {lengths:?}");
    assert!(SEEDS < 2 * holes as u64, "{holes} with pages missing before others");
}

#[test]
fn a_rename_is_whole_within_a_folder_and_between_two() {
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let (mut disk, _) = with_file(b"old");
        let inner = disk.create(ROOT, name("inner"), true).unwrap();
        disk.sync(ROOT).unwrap();
        let fresh = disk.create(ROOT, name("fresh"), false).unwrap();
        disk.write(fresh, 0, b"new").unwrap();
        disk.sync(fresh).unwrap();
        disk.sync(ROOT).unwrap();
        disk.rename((ROOT, name("fresh")), (ROOT, name("a")), true).unwrap();
        disk.rename((ROOT, name("a")), (inner, name("moved")), true).unwrap();
        if seed % 3 == 0 {
            disk.sync(inner).unwrap();
        }
        disk.lose_power(Survival::any(&mut dice), &mut dice);
        let places = ["fresh", "a"].map(|of| content(&disk, ROOT, of));
        let moved = content(&disk, inner, "moved");
        let new = Some(b"new".to_vec());
        let old = Some(b"old".to_vec());
        let whole = [(new.clone(), old, None), (None, new.clone(), None), (None, None, new)];
        let [first, second] = places;
        let there = (first, second, moved);
        assert!(whole.contains(&there), "seed {seed}: {there:?}");
        assert!(seed % 3 != 0 || there.2.is_some(), "seed {seed}: a synced folder lost a name");
    }
}

#[test]
fn removed_names_come_back_and_folders_must_be_empty() {
    let (mut disk, _) = with_file(b"back");
    let inner = disk.create(ROOT, name("inner"), true).unwrap();
    disk.create(inner, name("x"), false).unwrap();
    assert_eq!(disk.remove(ROOT, name("inner"), true), Err(Refused::NotEmpty));
    disk.remove(ROOT, name("a"), false).unwrap();
    assert_eq!(content(&disk, ROOT, "a"), None);
    disk.lose_power(Survival::NOTHING, &mut Dice::new(1));
    assert_eq!(content(&disk, ROOT, "a").unwrap(), b"back");
    assert_eq!(disk.look_up(ROOT, name("inner")), Err(Refused::Missing));
}

#[test]
fn after_a_failed_sync_later_ones_do_not_bring_its_bytes() {
    let (mut disk, node) = with_file(b"one");
    disk.write(node, 3, b"two").unwrap();
    disk.fail_sync(node);
    disk.write(node, 6, b"three").unwrap();
    disk.sync(node).unwrap();
    assert_eq!(content(&disk, ROOT, "a").unwrap(), b"onetwothree", "readers see all of it");
    disk.lose_power(Survival::NOTHING, &mut Dice::new(1));
    assert_eq!(content(&disk, ROOT, "a").unwrap(), b"one\0\0\0three");
}

/// Where there is no FUSE the test says so; where there is, it must work.
pub(crate) fn mounted(at: &Path) -> Option<Mounted> {
    if !Path::new("/dev/fuse").exists() {
        println!("SKIPPED: there is no /dev/fuse here");
        return None;
    }
    Some(Mounted::new(at, Clock::start()).expect("there is a /dev/fuse, and it must be usable"))
}

fn sync_fault(kind: SyncFaultKind, of: Part, after: u64, for_good: bool) -> Troubles {
    Troubles { sync: Some(SyncFault { kind, of, after, for_good }), ..Troubles::default() }
}

#[test]
fn files_behave_as_files_do() {
    let root = tempfile::tempdir().unwrap();
    let Some(mounted) = mounted(root.path()) else { return };
    let path = mounted.path().join("folder/a");
    fs::create_dir(mounted.path().join("folder")).unwrap();
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
    file.write_all_at(&vec![5; 300_000], 10).unwrap();
    file.sync_all().unwrap();
    file.set_len(200_000).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 200_000);
    let read = fs::read(&path).unwrap();
    assert!(read[..10].iter().all(|byte| *byte == 0) && read[10..].iter().all(|it| *it == 5));
    fs::hard_link(&path, mounted.path().join("b")).unwrap();
    fs::rename(&path, mounted.path().join("c")).unwrap();
    assert!(fs::rename(&path, mounted.path().join("d")).is_err());
    fs::copy(mounted.path().join("b"), mounted.path().join("copy")).unwrap();
    assert_eq!(fs::read(mounted.path().join("copy")).unwrap(), read);
    // As many as no listing answers at once.
    for number in 0..1_000 {
        File::create(mounted.path().join(format!("folder/{number}-of-many"))).unwrap();
    }
    assert_eq!(fs::read_dir(mounted.path().join("folder")).unwrap().count(), 1_000);
    fs::remove_dir_all(mounted.path().join("folder")).unwrap();
    // An open file outlives its name.
    fs::remove_file(mounted.path().join("b")).unwrap();
    fs::remove_file(mounted.path().join("c")).unwrap();
    file.write_all_at(b"still", 0).unwrap();
    file.sync_all().unwrap();
    let left: Vec<_> = fs::read_dir(mounted.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_power_loss_takes_what_was_not_synced_from_under_the_mount() {
    let root = tempfile::tempdir().unwrap();
    let Some(mounted) = mounted(root.path()) else { return };
    let path = mounted.path().join("a");
    let mut file = File::create(&path).unwrap();
    file.write_all(b"synced").unwrap();
    file.sync_data().unwrap();
    File::open(mounted.path()).unwrap().sync_all().unwrap();
    file.write_all(b" and not").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"synced and not");
    drop(file);
    let mut disk = mounted.copy();
    disk.lose_power(Survival::NOTHING, &mut Dice::new(1));
    mounted.insert(disk);
    assert_eq!(fs::read(&path).unwrap(), b"synced");
}

#[test]
fn the_nth_sync_fails_once_or_for_good_and_of_its_part_alone() {
    let root = tempfile::tempdir().unwrap();
    let Some(mounted) = mounted(root.path()) else { return };
    let mark = File::create(mounted.path().join("mark")).unwrap();
    let other = File::create(mounted.path().join("other")).unwrap();
    mounted.trouble(sync_fault(SyncFaultKind::Fails, Part::Mark, 2, false));
    let went: Vec<bool> = (0..4).map(|_| other.sync_all().and(mark.sync_all()).is_ok()).collect();
    assert_eq!(went, [true, true, false, true]);
    assert!(mounted.happened().sync_at.is_some());
    mounted.trouble(sync_fault(SyncFaultKind::Fails, Part::Any, 0, true));
    let raw = |file: &File| file.sync_data().map_err(|error| error.raw_os_error());
    assert_eq!((raw(&mark), raw(&other)), (Err(Some(5)), Err(Some(5))), "EIO");
    mounted.release();
    assert_eq!(raw(&mark), Ok(()));
}

#[test]
fn a_full_disk_takes_what_fits_and_no_more() {
    let root = tempfile::tempdir().unwrap();
    let Some(mounted) = mounted(root.path()) else { return };
    let path = mounted.path().join("a");
    let mut file = File::create(&path).unwrap();
    file.write_all(&[1; 100]).unwrap();
    mounted.trouble(Troubles { space: Some(50), ..Troubles::default() });
    assert_eq!(file.write(&[2; 80]).unwrap(), 50);
    let full = file.write(&[2; 30]).unwrap_err();
    assert_eq!(full.raw_os_error(), Some(28), "ENOSPC");
    // What is there already can be overwritten.
    file.write_all_at(&[3; 100], 0).unwrap();
    assert!(File::create(mounted.path().join("b")).is_err());
    assert!(mounted.happened().full_at.is_some());
    mounted.release();
    file.write_all(&[4; 30]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [vec![3; 100], vec![2; 50], vec![4; 30]].concat());
}

#[test]
fn a_sync_hangs_until_it_is_let_go_and_a_slow_one_takes_its_time() {
    let root = tempfile::tempdir().unwrap();
    let Some(mounted) = mounted(root.path()) else { return };
    let file = File::create(mounted.path().join("a")).unwrap();
    let clock = Clock::start();
    mounted.trouble(Troubles { slow_ms: 30, ..Troubles::default() });
    file.sync_all().unwrap();
    assert!(30_000 <= clock.us());
    mounted.trouble(sync_fault(SyncFaultKind::Hangs, Part::Any, 0, true));
    let hang = |let_go: &dyn Fn()| {
        std::thread::scope(|scope| {
            let hung = scope.spawn(|| file.sync_all());
            while !mounted.is_waited_for() {
                std::thread::yield_now();
            }
            assert!(!hung.is_finished());
            let_go();
            hung.join().unwrap().is_ok()
        })
    };
    assert!(hang(&|| mounted.release()), "it was only late");
    file.sync_all().unwrap();
    mounted.trouble(sync_fault(SyncFaultKind::Hangs, Part::Any, 0, true));
    assert!(!hang(&|| mounted.abandon()), "nobody waits for it any more");
}

#[test]
fn a_rotten_byte_is_read_and_a_flipped_one_is_there() {
    let root = tempfile::tempdir().unwrap();
    let Some(mounted) = mounted(root.path()) else { return };
    let path = mounted.path().join("a");
    fs::write(&path, [0; 8_192]).unwrap();
    let found = mounted.with(|disk| disk.files()).pop().unwrap();
    assert_eq!((found.path.as_path(), found.len), (Path::new("a"), 8_192));
    let rot = Rot { node: found.node, at: 5_000, mask: 0x40 };
    mounted.trouble(Troubles { rot: Some(rot), ..Troubles::default() });
    let mut seen = [0; 8_192];
    File::open(&path).unwrap().read_exact_at(&mut seen, 0).unwrap();
    assert_eq!(seen.iter().position(|byte| *byte == 0x40), Some(5_000));
    mounted.release();
    mounted.with(|disk| disk.flip(found.node, 6_000, 1));
    assert_eq!(fs::read(&path).unwrap().iter().position(|byte| *byte == 1), Some(6_000));
}
