//! F63: what pages download lands in the client's output folder, under a harmless name, up to a limit.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde_json::json;
use support::{Answer, Calls as _, Client, HostArgs, Site, TestHost, wait_for};

/// A server whose every answer is a file: `/<name>` has a few bytes under that name (in percent encoding),
/// `/huge` says it has 300 MB, `/endless` says nothing and never ends, `/half` stops after a while and waits.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut reading = BufReader::new(stream.try_clone().unwrap());
                let mut first = String::new();
                drop(reading.read_line(&mut first));
                let mut line = String::new();
                while reading.read_line(&mut line).is_ok_and(|read| read > 2) {
                    line.clear();
                }
                let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
                let head = |name: &str, more: &str| {
                    format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\
                         Content-Disposition: attachment; filename*=UTF-8''{name}\r\n{more}\r\n"
                    )
                };
                let piece = vec![7_u8; 64 * 1024];
                let _gone = match path.as_str() {
                    "huge" => {
                        let began = stream.write_all(head("huge.bin", "Content-Length: 300000000\r\n").as_bytes());
                        began.and_then(|()| (0..4_600).try_for_each(|_| stream.write_all(&piece)))
                    }
                    "endless" => {
                        let began = stream.write_all(head("endless.bin", "").as_bytes());
                        began.and_then(|()| std::iter::repeat(()).try_for_each(|()| stream.write_all(&piece)))
                    }
                    "half" => {
                        let sent = stream.write_all(head("half.bin", "Content-Length: 1000000\r\n").as_bytes());
                        let sent = sent.and_then(|()| stream.write_all(&piece));
                        // Until the other side goes.
                        drop(reading.read_line(&mut String::new()));
                        sent
                    }
                    name => stream.write_all(format!("{}bytes of it", head(name, "Content-Length: 11\r\n")).as_bytes()),
                };
            });
        }
    });
    format!("http://{address}")
}

fn visitor(host: &TestHost, name: &str) -> (Client, PathBuf) {
    let project = host.path().join(name);
    fs::create_dir(&project).unwrap();
    (host.client_with(name, &[&format!("--workspace={}", project.display())]), project)
}

/// Lines of `Events` with downloads, of this answer and, until there are `count`, of later ones.
fn told(client: &mut Client, answer: &Answer, count: usize) -> Vec<String> {
    let lines = |answer: &Answer| -> Vec<String> {
        let lines = answer.section("Events").unwrap_or_default().lines();
        lines.filter(|line| line.contains("ownload")).map(str::to_owned).collect()
    };
    let mut all = lines(answer);
    wait_for("the downloads are told", Duration::from_secs(20), || {
        let ends = |line: &&String| !line.ends_with(" ...");
        if all.iter().filter(ends).count() >= count {
            return Ok(());
        }
        all.extend(lines(&client.ok("browser_tabs", json!({"action": "list"}))));
        Err(all.join("\n"))
    });
    all
}

/// The folders that the host's browsers download into, one a session.
fn sessions_folders(host: &TestHost) -> Vec<PathBuf> {
    let browsers = host.run_folders().into_iter().map(|folder| host.data().join("run").join(folder).join("downloads"));
    browsers.flat_map(|folder| names(&folder).into_iter().map(move |name| folder.join(name))).collect()
}

fn names(folder: &Path) -> Vec<String> {
    support::procs::names(folder)
}

#[test]
fn f63_downloads_land_in_the_output_folder() {
    let (host, site, files) = (TestHost::start(), Site::start(), serve());
    let (mut client, project) = visitor(&host, "visitor");
    let (mut other, elsewhere) = visitor(&host, "other");
    let page = format!(
        "<!doctype html><title>links</title><a href='{files}/report.csv'>report</a>\
         <a download='made.txt' href='data:text/plain,hello'>made</a>\
         <button onclick=\"window.open('{files}/popup.zip')\">popup</button>"
    );
    let opened = client.open(&site.page("/links", &page));
    other.open(&site.url("/ok"));

    let clicked = client.ok("browser_click", json!({"target": opened.reference("report")}));
    let lines = told(&mut client, &clicked, 1);
    assert_eq!(lines.last().unwrap(), "- Downloaded file report.csv to \".ebb/report.csv\"");
    let report = project.join(".ebb/report.csv");
    assert_eq!(fs::read_to_string(&report).unwrap(), "bytes of it");
    assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(project.join(".ebb/.gitignore")).unwrap(), "*\n");
    // The same name again, by its address: the page stays.
    let again = client.ok("browser_navigate", json!({"url": format!("{files}/report.csv")}));
    let lines = told(&mut client, &again, 1);
    assert_eq!(lines.last().unwrap(), "- Downloaded file report.csv to \".ebb/report-2.csv\"");
    assert!(again.must("Page").contains("Page Title: links"), "{}", again.text);
    let made = client.ok("browser_click", json!({"target": opened.reference("made")}));
    assert!(told(&mut client, &made, 1).last().unwrap().ends_with("to \".ebb/made.txt\""));
    assert_eq!(fs::read_to_string(project.join(".ebb/made.txt")).unwrap(), "hello");
    let popup = client.ok("browser_click", json!({"target": opened.reference("popup")}));
    let lines = told(&mut client, &popup, 1);
    assert!(lines.last().unwrap().contains("to \".ebb/"), "{lines:?}");

    // Names that want to be something else.
    let before = names(host.path());
    for (wanted, lands) in [
        ("..%2F..%2Fevil.sh", None),
        ("%2Fetc%2Fpasswd", None),
        ("..%5C..%5Cevil.bat", None),
        (".bashrc", None),
        ("-rf", None),
        ("a%0Ab%1B%5B31mred.txt", None),
        ("%E2%80%AEfdp.exe", None),
        ("CON", None),
        (".gitignore", None),
        ("%24%28reboot%29%60x%60.txt", None),
        ("plain%20name.txt", Some("plain name.txt")),
        (&format!("{}.txt", "x".repeat(400)), None),
    ] {
        let answer = client.ok("browser_navigate", json!({"url": format!("{files}/{wanted}")}));
        let line = told(&mut client, &answer, 1).pop().unwrap();
        let (said, path) = line.split_once(" to \"").unwrap_or_else(|| panic!("{wanted}: {line}"));
        let name = said.strip_prefix("- Downloaded file ").unwrap();
        assert!(lands.is_none_or(|lands| lands == name), "{wanted}: {line}");
        let bad = |c: char| c.is_control() || matches!(c, '/' | '\\' | '\u{202e}' | '`' | '$');
        assert!(!name.contains(bad) && !name.starts_with(['.', '-']) && name.len() <= 120, "{wanted}: {line}");
        let real = project.join(path.trim_end_matches('"')).canonicalize().unwrap();
        assert_eq!(real.parent().unwrap(), project.join(".ebb").canonicalize().unwrap(), "{wanted}");
    }
    assert_eq!(names(host.path()), before, "nothing beside the project");
    assert_eq!(names(&project), [".ebb"]);
    assert_eq!(fs::read_to_string(project.join(".ebb/.gitignore")).unwrap(), "*\n");
    assert_eq!(names(&elsewhere), Vec::<String>::new(), "nothing in another client's project");

    // The session ends: what is whole stays and is named, what is half goes.
    let half = client.ok("browser_navigate", json!({"url": format!("{files}/half")}));
    assert!(half.must("Events").contains("- Downloading file half.bin ..."), "{}", half.text);
    let session = host.control().session_of("visitor");
    let kept = names(&project.join(".ebb")).len() - 1;
    drop(client);
    let report = wait_for("the report", Duration::from_secs(10), || {
        host.control().reports_of(&session).pop().ok_or_else(|| "none yet".to_owned())
    });
    assert_eq!(report.freed.kept_files.len(), kept, "{:?}", report.freed.kept_files);
    assert!(
        report.freed.kept_files.iter().any(|file| file.ends_with("/.ebb/report-2.csv")),
        "{:?}",
        report.freed.kept_files
    );
    assert!(!names(&project.join(".ebb")).iter().any(|name| name.contains("half")));
    let left = sessions_folders(&host);
    assert!(left.iter().all(|folder| !folder.ends_with(&session)), "{left:?}");
    other.open(&site.url("/ok"));
}

#[test]
fn f63_downloads_have_a_limit() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("config.toml");
    fs::write(&file, "[browser]\nmax_download_mb = 1\n").unwrap();
    let more = vec!["--config".to_owned(), file.display().to_string()];
    let (host, site, files) = (TestHost::with(HostArgs { more, ..HostArgs::default() }), Site::start(), serve());
    let (mut client, project) = visitor(&host, "visitor");
    client.open(&site.url("/ok"));
    for (path, name) in [("huge", "huge.bin"), ("endless", "endless.bin")] {
        let answer = client.ok("browser_navigate", json!({"url": format!("{files}/{path}")}));
        let lines = told(&mut client, &answer, 1);
        assert_eq!(lines.last().unwrap(), &format!("- File {name} was not downloaded: it has more than 1 MB"));
    }
    assert_eq!(names(&project), Vec::<String>::new());
    // Nothing of them stays while the session goes on.
    wait_for("no half files", Duration::from_secs(10), || {
        let left: Vec<String> = sessions_folders(&host).iter().flat_map(|folder| names(folder)).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    let answer = client.ok("browser_navigate", json!({"url": format!("{files}/small.txt")}));
    assert!(told(&mut client, &answer, 1).last().unwrap().contains("to \".ebb/small.txt\""), "{}", answer.text);
}
