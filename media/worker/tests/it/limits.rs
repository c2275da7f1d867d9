//! What the worker may take, and what it is told.

use sigma_gst::Pictures;

use crate::settings;

fn of(worker: u32, what: &str) -> String {
    let bytes = std::fs::read(format!("/proc/{worker}/{what}")).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// proc(5): field 19 of a process' or thread's line.
fn niceness(of: &std::path::Path) -> i32 {
    let line = std::fs::read_to_string(of.join("stat")).unwrap();
    line.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_worker_gives_way_has_its_limits_and_none_of_our_secrets() {
    // What cargo tells this test stands for what the platform's environment holds.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let pictures = Pictures::start(sigma_gst::PicturesSettings { niceness: 10, ..settings() });
    pictures.look().await;
    let worker = pictures.figures().worker.unwrap();

    let own = niceness(std::path::Path::new("/proc/self"));
    let threads = std::fs::read_dir(format!("/proc/{worker}/task")).unwrap();
    let threads: Vec<i32> = threads.map(|thread| niceness(&thread.unwrap().path())).collect();
    assert!(
        threads.len() > 1 && threads.iter().all(|nice| *nice == (own + 10).min(19)),
        "{threads:?} by {own}"
    );

    let limits = of(worker, "limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max data size"), ["536870912", "536870912"]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max open files"), ["256", "256"]);

    let environment = of(worker, "environ");
    let names: Vec<&str> =
        environment.split_terminator('\0').filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(names.contains(&"PATH"), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("CARGO") || name.starts_with("SIGMA")), "{names:?}");

    let open = std::fs::read_dir(format!("/proc/{worker}/fd")).unwrap();
    let open: Vec<String> = open
        .map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap_or_default().display().to_string())
        .filter(|link| link.starts_with('/') && link != "/dev/null")
        .collect();
    assert_eq!(open, [""; 0], "it has no file of ours open");
}

#[tokio::test]
async fn what_gstreamer_knows_of_its_plugins_is_kept_where_the_setting_says() {
    let folder = tempfile::tempdir().unwrap();
    let registry = folder.path().join("plugins");
    let pictures =
        Pictures::start(sigma_gst::PicturesSettings { registry: Some(registry.clone()), ..settings() });
    let standing = pictures.look().await;
    assert!(matches!(standing, sigma_gst::Standing::Ready { .. }), "{standing:?}");
    assert!(std::fs::metadata(&registry).unwrap().len() > 0);
}
