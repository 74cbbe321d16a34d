//! Whole sessions' files, without a browser.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ebb_core::{Code, ids::InstanceId};

use super::{Files, Held, files::Output, held::Ended, source::look};
use crate::{
    options::{ClientOptions, FilePaths},
    run::{Guardian, RunDirs},
};

/// A workspace, a run folder, something outside.
struct Ground {
    held: Arc<Held>,
    base: PathBuf,
    _folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        for part in ["work", "outside", "home"] {
            fs::create_dir(base.join(part)).unwrap();
        }
        fs::write(base.join("outside/secret"), "secret").unwrap();
        let run_dirs = RunDirs::new(base.join("run"), &InstanceId::new(), Guardian::none());
        Self { held: Held::new(run_dirs), base, _folder: folder }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    async fn files(&self, options: &ClientOptions) -> Files {
        self.files_in(options, &self.at("work")).await
    }

    async fn files_in(&self, options: &ClientOptions, workspace: &Path) -> Files {
        let found = look(Some(workspace.to_owned()), options.output.dir.clone(), Some(&self.at("home")));
        let output = match found.output {
            Some(output) => output,
            None => Output::Session(self.held.own_folder().await.unwrap()),
        };
        Files::new(Arc::clone(&self.held), options, found.base, found.is_root, output)
    }

    fn count(&self, path: &str) -> usize {
        fs::read_dir(self.at(path)).map_or(0, Iterator::count)
    }
}

#[tokio::test]
async fn automatic_files_go_and_named_ones_stay() {
    let ground = Ground::new();
    let files = ground.files(&ClientOptions::default()).await;
    let page = files.place(None, "page", "yml").unwrap();
    files.write(&page, b"page").await.unwrap();
    assert!(page.path().starts_with(ground.at("work/.ebb")));
    assert_eq!(fs::read_to_string(ground.at("work/.ebb/.gitignore")).unwrap(), "*\n");
    assert_eq!(fs::metadata(page.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(ground.at("work/.ebb")).unwrap().permissions().mode() & 0o777, 0o700);
    let name = page.path().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(files.link("Snapshot", &page), format!("- [Snapshot](.ebb/{name})"));

    let named = files.place(Some("shots/a.png"), "page", "png").unwrap();
    files.write(&named, b"one").await.unwrap();
    files.write(&named, b"two").await.unwrap();
    assert_eq!((fs::read(named.path()).unwrap(), files.shown(&named)), (b"two".to_vec(), "shots/a.png".to_owned()));
    let bare = files.named("b.png").unwrap();
    assert_eq!(files.shown(&bare), "./b.png");
    assert!(files.existing("shots/a.png").is_ok());
    let ended = ground.held.end().await.unwrap();
    assert_eq!(ended, Ended { files: 1, kept: vec![ground.at("work/shots/a.png").display().to_string()] });
    assert!(!ground.at("work/.ebb").exists() && ground.count("run") == 0);
    assert_eq!(ground.held.end().await.unwrap(), Ended::default(), "the second time nothing is there");
    let late = files.automatic("page", "yml").unwrap();
    assert_eq!(files.write(&late, b"late").await.unwrap_err().code, Code::SessionEnded);
    assert!(!late.path().exists());
}

/// The folder is made while the session ends, and whoever wanted it does not wait any more.
#[tokio::test]
async fn a_folder_that_comes_after_the_end_goes_at_once() {
    for vanish in [false, true] {
        let ground = Ground::new();
        let waiting = Box::pin(ground.held.own_folder());
        let mut waiting = futures::FutureExt::fuse(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        assert_eq!(ground.held.end().await.unwrap(), Ended::default());
        if vanish {
            drop(waiting);
        } else {
            assert_eq!(waiting.await.unwrap_err().code, Code::SessionEnded);
        }
        let gone = async {
            while ground.count("run") > 0 || Arc::strong_count(&ground.held) > 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the folder goes, and with it who made it");
    }
}

#[tokio::test]
async fn a_chosen_folder_keeps_everything_and_has_a_size() {
    let ground = Ground::new();
    let mut options = ClientOptions::default();
    options.output.dir = Some(PathBuf::from("out"));
    options.output.max_size = Some(100);
    options.output.file_paths = FilePaths::Absolute;
    fs::create_dir(ground.at("work/out")).unwrap();
    fs::write(ground.at("work/out/theirs.txt"), vec![0; 1_000]).unwrap();
    let mut places = Vec::new();
    for _ in 0..3 {
        let files = ground.files(&options).await;
        let place = files.automatic("page", "yml").unwrap();
        files.write(&place, &[b'x'; 60]).await.unwrap();
        assert_eq!(files.shown(&place), place.path().display().to_string());
        places.push(place);
    }
    let there: Vec<bool> = places.iter().map(|place| place.path().exists()).collect();
    assert_eq!(there, [false, false, true], "the oldest go");
    let files = ground.files(&options).await;
    let (one, two) = (files.automatic("page", "yml").unwrap(), files.automatic("page", "yml").unwrap());
    files.write(&one, &[b'x'; 90]).await.unwrap();
    files.write(&two, &[b'x'; 90]).await.unwrap();
    assert!(one.path().exists() && two.path().exists(), "never what this call wrote");
    assert!(ground.at("work/out/theirs.txt").exists(), "never what somebody else wrote");
    let ended = ground.held.end().await.unwrap();
    assert_eq!((ended.files, ended.kept.len()), (0, 5));
    assert!(one.path().exists() && !ground.at("work/.ebb").exists());
}

#[tokio::test]
async fn without_a_place_in_the_workspace_the_session_has_its_own() {
    let ground = Ground::new();
    fs::write(ground.at("outside/.ebb"), "a file").unwrap();
    symlink(ground.at("outside"), ground.at("linked")).unwrap();
    for workspace in ["/", &ground.at("home").display().to_string(), &ground.at("outside").display().to_string()] {
        let files = ground.files_in(&ClientOptions::default(), Path::new(workspace)).await;
        let place = files.automatic("page", "yml").unwrap();
        assert!(place.path().starts_with(ground.at("run")), "{workspace}: {place:?}");
        files.write(&place, b"x").await.unwrap();
    }
    assert_eq!(ground.count("home"), 0);
    let root = ground.files_in(&ClientOptions::default(), Path::new("/")).await;
    assert!(root.named("/etc/x").unwrap_err().message.starts_with("File access denied: /etc/x is outside"));
    let bare = root.named("x.png").unwrap();
    assert!(bare.path().starts_with(ground.at("run")));
    assert_eq!(ground.held.end().await.unwrap(), Ended { files: 3, kept: Vec::new() });
    assert_eq!(ground.count("run"), 0);
}

#[tokio::test]
async fn f63_every_way_out_is_refused() {
    let ground = Ground::new();
    symlink(ground.at("outside"), ground.at("work/folder")).unwrap();
    symlink(ground.at("outside/secret"), ground.at("work/file")).unwrap();
    symlink(ground.at("outside/new"), ground.at("work/dangling")).unwrap();
    symlink("loop", ground.at("work/loop")).unwrap();
    fs::create_dir(ground.at("work/sub")).unwrap();
    fs::write(ground.at("work/inside"), "in").unwrap();
    fs::create_dir(ground.at("workshop")).unwrap();
    fs::write(ground.at("workshop/x"), "a name that begins the same").unwrap();
    let files = ground.files(&ClientOptions::default()).await;
    let (outside, shop) =
        (ground.at("outside/secret").display().to_string(), ground.at("workshop/x").display().to_string());
    for path in [
        "../outside/secret",
        "sub/../../outside/secret",
        "folder/secret",
        "file",
        "/etc/passwd",
        "/proc/self/environ",
        &outside,
        &shop,
        "missing/../../outside/secret",
        "../outside/none",
    ] {
        for error in [files.existing(path).unwrap_err(), files.named(path).unwrap_err()] {
            assert_eq!(error.code, Code::FileDenied, "{path}");
            let roots = format!("{}, {}", ground.at("work/.ebb").display(), ground.at("work").display());
            let words = format!("File access denied: {path} is outside allowed roots. Allowed roots: {roots}");
            assert_eq!(error.message, words, "{path}");
        }
    }
    for path in ["dangling", "loop", "sub", "", "a\0b", "inside/x", "sub/", "."] {
        assert_eq!(files.named(path).unwrap_err().code, Code::FileDenied, "{path:?}");
    }
    assert_eq!(ground.count("outside"), 1, "nothing was made");
    assert!(files.existing("missing").unwrap_err().message.starts_with("missing: No such file"));

    // A folder that becomes a link after it was checked.
    let place = files.named("sub/new").unwrap();
    fs::remove_dir(ground.at("work/sub")).unwrap();
    symlink(ground.at("outside"), ground.at("work/sub")).unwrap();
    assert_eq!(files.write(&place, b"x").await.unwrap_err().code, Code::FileDenied);
    assert_eq!(ground.count("outside"), 1);
    // A link inside to something inside is fine.
    symlink("inside", ground.at("work/alias")).unwrap();
    files.write(&files.named("alias").unwrap(), b"new").await.unwrap();
    assert_eq!(fs::read_to_string(ground.at("work/inside")).unwrap(), "new");

    let free = ClientOptions { unrestricted_files: true, ..ClientOptions::default() };
    let free = ground.files(&free).await;
    assert!(free.existing(&outside).is_ok() && free.named("/etc/x").is_ok());
}

#[tokio::test]
async fn downloads_never_take_a_place_that_is_taken() {
    let ground = Ground::new();
    let files = ground.files(&ClientOptions::default()).await;
    for (wanted, name) in [("../../a.txt", "a.txt"), ("a.txt", "a-2.txt"), (".bashrc", "bashrc")] {
        fs::write(ground.at("outside/guid"), wanted).unwrap();
        let place = files.take(&ground.at("outside/guid"), wanted).await.unwrap();
        assert_eq!(place.path(), ground.at("work/.ebb").join(name));
        assert_eq!(fs::read_to_string(place.path()).unwrap(), wanted);
    }
    let ended = ground.held.end().await.unwrap();
    assert_eq!((ended.files, ended.kept.len()), (0, 3));
    assert_eq!(ground.count("work/.ebb"), 4, "three downloads and the .gitignore");
}
