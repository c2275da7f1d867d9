//! Carries the dashboard's build inside the binary: each file of `services/dashboard/dist` with its type, its
//! validator and, where that is shorter, a gzip of it.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

/// The pages without which there is nothing to serve.
const NEEDED: [&str; 5] = ["index.html", "watch.html", "embed.html", "replay.html", "explorer.html"];

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = here.join("../dashboard/dist");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", dist.display());
    if let Some(missing) = NEEDED.iter().find(|page| !dist.join(page).is_file()) {
        eprintln!("services/dashboard/dist/{missing} is missing: run make web");
        process::exit(1);
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    if let Err(error) = generate(&dist, &out) {
        eprintln!("cannot carry services/dashboard/dist into the binary: {error}; run make web");
        process::exit(1);
    }
}

fn generate(dist: &Path, out: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    walk(dist, &mut files)?;
    files.sort();
    let mut table = String::from("pub(crate) static FILES: &[File] = &[\n");
    for (index, path) in files.iter().enumerate() {
        println!("cargo:rerun-if-changed={}", path.display());
        let bytes = fs::read(path)?;
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        let gzip = gzip(&bytes)?;
        let gzip_path = out.join(format!("asset-{index}.gz"));
        let gzip = if gzip.len() < bytes.len() * 9 / 10 {
            fs::write(&gzip_path, gzip)?;
            format!("Some(include_bytes!({:?}))", gzip_path.display().to_string())
        } else {
            "None".to_owned()
        };
        let name = path.strip_prefix(dist).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let source = fs::canonicalize(path)?.display().to_string();
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "    File {{ path: {name:?}, content_type: {:?}, etag: {:?}, bytes: include_bytes!({source:?}), gzip: {gzip} }},",
            content_type(&name),
            format!("\"{:016x}\"", hasher.finish()),
        );
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            walk(&path, files)?;
        } else if !hidden {
            files.push(path);
        }
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
