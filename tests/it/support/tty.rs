//! The program on a terminal of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::world::{Ran, World};

impl World {
    /// Runs the program in the repository with all three streams on a terminal; `typed` is what its user types. The output
    /// is everything that the terminal was given.
    #[must_use = "a test looks at how a run went"]
    pub(crate) fn tty(&self, args: &[&str], typed: &[u8]) -> Ran {
        self.tty_after(args, "", typed)
    }

    /// The same, where nothing is typed before the terminal shows `prompt`.
    #[must_use = "a test looks at how a run went"]
    pub(crate) fn tty_after(&self, args: &[&str], prompt: &str, typed: &[u8]) -> Ran {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).expect("granted");
        unlockpt(&ours).expect("unlocked");
        let name = ptsname(&ours, Vec::new()).expect("a name");
        let theirs = File::options().read(true).write(true).open(std::ffi::OsStr::from_bytes(name.as_bytes())).expect("opens");
        let stream = || Stdio::from(OwnedFd::from(theirs.try_clone().expect("a copy")));
        let mut command = self.command(args);
        let mut child = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn().expect("it starts");
        // The command keeps its copies of the other end; as long as there is one, reading does not end.
        drop((command, theirs));
        let mut ours = File::from(ours);
        let mut raw = Vec::new();
        let mut piece = [0; 1024];
        while !String::from_utf8_lossy(&raw).contains(prompt) {
            match ours.read(&mut piece) {
                Ok(read @ 1..) => raw.extend_from_slice(&piece[..read]),
                _ => break,
            }
        }
        ours.write_all(typed).expect("typed");
        // When the last one who has the other end is gone, reading fails.
        let _ = ours.read_to_end(&mut raw);
        let code = child.wait().expect("it ends").code();
        Ran { code, out: String::from_utf8_lossy(&raw).into_owned(), err: String::new(), raw }
    }
}
