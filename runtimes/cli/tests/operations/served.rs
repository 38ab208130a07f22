//! A broker with a configuration file in a folder of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Child,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{PATIENCE, command, run_with_input, send};

/// A folder that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mqtt-operations-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.text(name)
    }

    /// Makes users whose password is `NAME's`.
    pub(crate) fn users(&self, names: &[&str]) {
        for name in names {
            self.passwd(name, &format!("{name}'s"));
        }
    }

    pub(crate) fn passwd(&self, name: &str, password: &str) {
        let made =
            run_with_input(&["passwd", &self.text("passwords"), name], format!("{password}\n").as_bytes());
        assert_eq!((made.code, &*made.out, &*made.err), (0, "", ""));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One listener on a free port, and a password file.
pub(crate) const WITH_PASSWORDS: &str = "\
[[listener]]
address = '127.0.0.1:0'
[authentication]
password_file = 'passwords'
";

/// A broker that runs.
pub(crate) struct Served {
    child: Child,
    /// Of its listeners, in order.
    pub(crate) ports: Vec<u16>,
    log: Arc<Mutex<String>>,
}

impl Served {
    pub(crate) fn start(folder: &Folder, config: &str) -> Self {
        Self::start_with(folder, config, &[])
    }

    pub(crate) fn start_with(folder: &Folder, config: &str, arguments: &[&str]) -> Self {
        let file = folder.write("broker.toml", config);
        let mut child = command(&["broker", "-vv", "--config", &file]).args(arguments).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|count| count > 0) {
                kept.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let mut served = Self { child, ports: Vec::new(), log };
        let listeners = config.matches("[[listener]]").count();
        let began = Instant::now();
        while served.ports.len() < listeners {
            assert!(began.elapsed() < PATIENCE, "{}", served.log());
            thread::sleep(Duration::from_millis(5));
            served.ports = ports(&served.log());
        }
        served
    }

    pub(crate) fn port(&self) -> u16 {
        self.ports[0]
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log has this so many times.
    pub(crate) fn wait_for_log(&self, part: &str, times: usize) {
        let began = Instant::now();
        while self.log().matches(part).count() < times {
            assert!(began.elapsed() < PATIENCE, "no {part:?} in {}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends SIGHUP and waits until it is done with.
    pub(crate) fn reload(&self) {
        let done = "reloaded passwords";
        let before = self.log().matches(done).count();
        send(self.child.id(), "HUP");
        self.wait_for_log(done, before + 1);
    }

    /// Sends SIGHUP and waits until it has failed.
    pub(crate) fn fail_to_reload(&self) {
        let failed = "the former settings stay in force";
        let before = self.log().matches(failed).count();
        send(self.child.id(), "HUP");
        self.wait_for_log(failed, before + 1);
    }

    /// Stops it and tells its whole log.
    pub(crate) fn stop(mut self) -> String {
        send(self.child.id(), "TERM");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        // Its end closes the pipe; the thread reads what is left.
        let began = Instant::now();
        while !self.log().contains("stopped") {
            assert!(began.elapsed() < PATIENCE, "{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
        self.log()
    }
}

fn ports(log: &str) -> Vec<u16> {
    let of_line = |line: &str| {
        let address = match line.strip_prefix("listening on ") {
            Some(address) => address.to_owned(),
            None => {
                let event: serde_json::Value = serde_json::from_str(line).ok()?;
                event.get("address")?.as_str()?.to_owned()
            }
        };
        address.rsplit(':').next()?.parse().ok()
    };
    log.lines().filter_map(of_line).collect()
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The mode bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
