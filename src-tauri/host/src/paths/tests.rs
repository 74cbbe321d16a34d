use std::os::unix::{fs::PermissionsExt, net::UnixListener};

use super::*;

/// A home, a folder of run-time folders, and exactly the six variables that official SDKs pass on.
struct Place {
    folder: tempfile::TempDir,
    environment: Environment,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let variables = [
            ("HOME", home.to_str().unwrap()),
            ("LOGNAME", "me"),
            ("PATH", "/usr/bin:/bin"),
            ("SHELL", "/bin/sh"),
            ("TERM", "dumb"),
            ("USER", "me"),
        ];
        let mut environment = Environment::of(variables);
        environment.run_user = folder.path().join("run-user");
        environment.passwd = folder.path().join("passwd");
        Self { folder, environment }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn with(&self, name: &str, value: &str) -> Environment {
        let variables = self.environment.variables().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut environment = Environment::of(variables.chain([(name.into(), value.into())]));
        environment.run_user.clone_from(&self.environment.run_user);
        environment
    }

    fn make_run_user(&self) -> PathBuf {
        let folder = self.environment.run_user.join(self.environment.uid.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }
}

fn told(socket: &Path) -> PathOptions {
    PathOptions { socket: Some(socket.to_path_buf()), data_dir: None }
}

#[test]
fn six_variables_are_enough_without_a_run_time_folder() {
    let place = Place::new();
    let paths = Paths::resolve_in(&place.environment, &PathOptions::default()).unwrap();
    let run = place.home().join(".local/state/ebb/run");
    assert_eq!(paths.mcp_sock, run.join("mcp.sock"));
    assert_eq!(paths.http_sock, run.join("http.sock"));
    assert_eq!(paths.control_sock, run.join("control.sock"));
    assert_eq!(paths.lock, run.join("host.lock"));
    assert_eq!(paths.data_dir, place.home().join(".local/share/ebb"));
    assert_eq!(paths.run_dir, place.home().join(".local/share/ebb/run"));
    assert_eq!(paths.endpoint_file, place.home().join(".local/state/ebb/endpoint.json"));
    assert!(paths.default_place);
}

#[test]
fn a_bare_environment_answers_like_a_full_one() {
    let place = Place::new();
    let run = place.make_run_user();
    let bare = Paths::resolve_in(&place.environment, &PathOptions::default()).unwrap();
    assert_eq!(bare.mcp_sock, run.join("ebb/mcp.sock"));
    let full = place.with("XDG_RUNTIME_DIR", run.to_str().unwrap());
    assert_eq!(Paths::resolve_in(&full, &PathOptions::default()).unwrap(), bare);
    let elsewhere = place.with("XDG_DATA_HOME", "/elsewhere");
    assert_eq!(Paths::resolve_in(&elsewhere, &PathOptions::default()).unwrap(), bare);
}

#[test]
fn a_run_time_folder_that_is_not_there_is_passed_over() {
    let place = Place::new();
    for value in ["/nowhere/1", "relative", ""] {
        let environment = place.with("XDG_RUNTIME_DIR", value);
        let paths = Paths::resolve_in(&environment, &PathOptions::default()).unwrap();
        assert_eq!(paths.mcp_sock, place.home().join(".local/state/ebb/run/mcp.sock"));
    }
}

#[test]
fn a_named_socket_has_its_siblings_beside_it() {
    let place = Place::new();
    let paths = Paths::resolve_in(&place.environment, &told(Path::new("/d/x.sock"))).unwrap();
    assert_eq!(paths.mcp_sock, Path::new("/d/x.sock"));
    assert_eq!(paths.http_sock, Path::new("/d/x.http.sock"));
    assert_eq!(paths.control_sock, Path::new("/d/x.control.sock"));
    assert_eq!(paths.lock, Path::new("/d/x.lock"));
    assert!(!paths.default_place);
    let plain = Paths::resolve_in(&place.environment, &told(Path::new("/d/v1.2"))).unwrap();
    assert_eq!(plain.control_sock, Path::new("/d/v1.2.control.sock"));
}

#[test]
fn the_option_wins_over_the_variable_and_both_over_the_default() {
    let place = Place::new();
    let environment = place.with("EBB_SOCKET", "/e/ebb.sock");
    let by_variable = Paths::resolve_in(&environment, &PathOptions::default()).unwrap();
    assert_eq!(by_variable.mcp_sock, Path::new("/e/ebb.sock"));
    let by_option = Paths::resolve_in(&environment, &told(Path::new("/o/ebb.sock"))).unwrap();
    assert_eq!(by_option.mcp_sock, Path::new("/o/ebb.sock"));
    let relative = Paths::resolve_in(&place.environment, &told(Path::new("x.sock"))).unwrap();
    assert_eq!(relative.mcp_sock, std::env::current_dir().unwrap().join("x.sock"));

    let environment = place.with("EBB_DATA_DIR", "/e/data");
    assert_eq!(Paths::resolve_in(&environment, &PathOptions::default()).unwrap().data_dir, Path::new("/e/data"));
    let options = PathOptions { data_dir: Some("/o/data".into()), ..PathOptions::default() };
    assert_eq!(Paths::resolve_in(&environment, &options).unwrap().run_dir, Path::new("/o/data/run"));
}

#[test]
fn a_path_that_no_socket_can_have_is_refused_with_the_way_out() {
    let place = Place::new();
    let long = format!("/{}/x.sock", "d".repeat(120));
    let error = Paths::resolve_in(&place.environment, &told(Path::new(&long))).unwrap_err();
    assert!(error.message.contains("107"), "{error}");
    assert!(error.next.unwrap().contains("--socket"));
    // The siblings must fit too, or the host comes up without its control socket.
    let edge = format!("/{}/x.sock", "d".repeat(98));
    Paths::resolve_in(&place.environment, &told(Path::new(&edge))).unwrap_err();
}

#[test]
fn without_home_the_user_database_is_asked() {
    let place = Place::new();
    let mut environment = Environment::of([("PATH", "/bin")]);
    environment.run_user.clone_from(&place.environment.run_user);
    environment.passwd.clone_from(&place.environment.passwd);
    let error = Paths::resolve_in(&environment, &PathOptions::default()).unwrap_err();
    assert!(error.next.unwrap().contains("HOME"));
    let line = format!("other:x:1:1::/o:/bin/sh\nme:x:{}:7:Me:/users/me:/bin/sh\n", environment.uid);
    std::fs::write(&environment.passwd, line).unwrap();
    let paths = Paths::resolve_in(&environment, &PathOptions::default()).unwrap();
    assert_eq!(paths.data_dir, Path::new("/users/me/.local/share/ebb"));
}

#[test]
fn only_what_is_ours_is_closed_to_others() {
    let place = Place::new();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let open = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = place.make_run_user().join("ebb");
    std::fs::create_dir(&run).unwrap();
    open(&run);
    let paths = Paths::resolve_in(&place.environment, &PathOptions::default()).unwrap();
    paths.prepare().unwrap();
    for folder in [&run, &paths.data_dir, &paths.run_dir, &paths.log_dir, &paths.state_dir] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    let chosen = place.folder.path().join("chosen");
    std::fs::create_dir(&chosen).unwrap();
    open(&chosen);
    Paths::resolve_in(&place.environment, &told(&chosen.join("x.sock"))).unwrap().prepare().unwrap();
    assert_eq!(mode(&chosen), 0o755);
}

#[test]
fn a_link_in_the_default_place_is_refused() {
    let place = Place::new();
    let run = place.make_run_user();
    std::os::unix::fs::symlink(place.home(), run.join("ebb")).unwrap();
    let paths = Paths::resolve_in(&place.environment, &PathOptions::default()).unwrap();
    paths.prepare().unwrap_err();
}

#[test]
fn a_client_finds_the_host_wherever_it_listens() {
    let place = Place::new();
    let find = || Paths::find_in(&place.environment, &PathOptions::default()).unwrap();
    let default = Paths::resolve_in(&place.environment, &PathOptions::default()).unwrap();
    assert_eq!(find(), default, "nobody is anywhere");
    default.prepare().unwrap();

    // A host elsewhere that lives.
    let elsewhere = place.folder.path().join("e.sock");
    let data_dir = Some(place.folder.path().join("data"));
    let options = PathOptions { socket: Some(elsewhere.clone()), data_dir };
    let host = Paths::resolve_in(&place.environment, &options).unwrap();
    let endpoint = Endpoint::of(&host);
    assert!(endpoint.write(&default.endpoint_file).unwrap());
    assert_eq!(std::fs::metadata(&default.endpoint_file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(find(), host);

    // One in the default place comes first, unless its lock names a dead process.
    let socket = UnixListener::bind(&default.mcp_sock).unwrap();
    assert_eq!(find(), default);
    std::fs::write(&default.lock, r#"{"pid":4194304,"start_time":1}"#).unwrap();
    assert_eq!(find(), host);
    std::fs::remove_file(&default.lock).unwrap();
    drop(socket);
    std::fs::remove_file(&default.mcp_sock).unwrap();

    // A host elsewhere that is dead.
    let dead = Endpoint { start_time: endpoint.start_time + 1, ..endpoint.clone() };
    assert!(dead.write(&default.endpoint_file).unwrap());
    assert_eq!(find(), default);
    endpoint.remove(&default.endpoint_file);
    assert!(default.endpoint_file.exists(), "not ours");
    dead.remove(&default.endpoint_file);
    assert!(!default.endpoint_file.exists());
}

#[test]
fn a_living_hosts_entry_is_left_alone() {
    let place = Place::new();
    let paths = Paths::resolve_in(&place.environment, &PathOptions::default()).unwrap();
    paths.prepare().unwrap();
    let parent = std::os::unix::process::parent_id();
    let start_time = crate::transport::proc::key(parent).unwrap().start_time;
    let other = Endpoint { pid: parent, start_time, ..Endpoint::of(&paths) };
    assert!(other.write(&paths.endpoint_file).unwrap());
    assert!(!Endpoint::of(&paths).write(&paths.endpoint_file).unwrap());
    assert_eq!(Endpoint::read(&paths.endpoint_file), Some(other));
}
