//! What the system reports of the machine and of processes. Only Linux does; elsewhere it is "not
//! measured".

use std::fs;
use std::path::Path;

/// `USER_HZ`, in which /proc counts processor time: 100 wherever this runs.
const TICK_US: u64 = 10_000;

/// Of a process, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub resident_kib: u64,
    /// Of the resident what is no file's.
    pub anonymous_kib: u64,
    /// The most that was resident, since the last [`forget_peak`].
    pub peak_kib: u64,
}

pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The processor time of all threads of a process, in µs, in steps of 10 ms.
pub fn cpu_us(pid: u32) -> Option<u64> {
    ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|ticks| ticks * TICK_US)
}

/// The processor time of this thread, in ns.
pub fn thread_cpu_ns() -> Option<u64> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok()
}

pub fn memory(pid: u32) -> Option<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(Memory {
        resident_kib: kib(&status, "VmRSS:")?,
        anonymous_kib: kib(&status, "RssAnon:")?,
        peak_kib: kib(&status, "VmHWM:")?,
    })
}

/// The peak of a process's memory is from now on that of what follows. False where the system
/// cannot.
pub fn forget_peak(pid: u32) -> bool {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").is_ok()
}

/// What a process has had written to disks; nothing of it is if its files are in memory.
pub fn written_bytes(pid: u32) -> Option<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let mut lines = io.lines();
    let written = lines.find_map(|line| line.strip_prefix("write_bytes: "))?;
    written.parse().ok()
}

/// The first child of a process whose program has a name that ends so.
pub fn child(parent: u32, program_suffix: &str) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(process.path().join("stat")).ok()?;
        (is_child(&stat, parent) && program(&stat)?.ends_with(program_suffix)).then_some(pid)
    })
}

/// The device and the kind of file system on which a path lies.
pub fn disk(path: &Path) -> Option<String> {
    mount_of(&fs::read_to_string("/proc/mounts").ok()?, path)
}

/// User and system time, the 14th and 15th field of `/proc/PID/stat`. The second is the name of
/// the program in brackets and may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = after_name(stat)?.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn is_child(stat: &str, parent: u32) -> bool {
    let ppid = after_name(stat).and_then(|fields| fields.split(' ').nth(1));
    ppid.and_then(|ppid| ppid.parse().ok()) == Some(parent)
}

fn program(stat: &str) -> Option<&str> {
    Some(stat.split_once('(')?.1.rsplit_once(')')?.0)
}

/// From the third field on.
fn after_name(stat: &str) -> Option<&str> {
    Some(stat.rsplit_once(") ")?.1)
}

fn kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn mount_of(mounts: &str, path: &Path) -> Option<String> {
    let rows = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        path.starts_with(point)
            .then(|| (point.len(), format!("{kind} on {device}")))
    });
    // Of two at the same point the later one hides the other, and `max_by_key` takes the last.
    rows.max_by_key(|(length, _)| *length)
        .map(|(_, shown)| shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4242 (redis (a) server) S 17 4242 4242 0 -1 4194304 5000 0 0 0 \
                        321 45 0 0 20 0 6 0 100 1000 500 18446744073709551615\n";

    #[test]
    fn a_stat_line_is_read_around_its_name() {
        assert_eq!(ticks(STAT), Some(366));
        assert_eq!(program(STAT), Some("redis (a) server"));
        assert!(is_child(STAT, 17) && !is_child(STAT, 18));
        assert_eq!(ticks("4242"), None);
    }

    #[test]
    fn memory_is_read_by_its_names() {
        let status = "Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n";
        assert_eq!(kib(status, "VmRSS:"), Some(1024));
        assert_eq!(kib(status, "VmHWM:"), Some(2048));
        assert_eq!(kib(status, "VmSwap:"), None);
    }

    #[test]
    fn a_path_lies_on_the_longest_mount_point() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\nproc /proc proc rw 0 0\n";
        let of = |path| mount_of(mounts, Path::new(path));
        assert_eq!(of("/tmp/a").as_deref(), Some("tmpfs on tmpfs"));
        assert_eq!(of("/tmpdir/a").as_deref(), Some("ext4 on /dev/vda"));
    }
}
