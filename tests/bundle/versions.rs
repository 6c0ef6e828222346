//! Bundles of older and newer versions: what the rules of the format promise.

use std::io::Read;
use std::process::{Command, Stdio};

use fix502::bundle::{self, BundleError};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// Recorded with version 0.1.0 on a host on which nginx dials a port that nobody listens on; the kernel log
/// was emptied. It is never recorded again: it stands for every bundle that anybody has.
const RECORDED: &[u8] = include_bytes!("../fixtures/bundles/web-1-0.1.0.tar.gz");

fn triage(archive: &[u8]) -> (Option<i32>, Value, String) {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("b.tar.gz"), archive).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_fix502"))
        .current_dir(place.path())
        .args(["triage", "b.tar.gz", "--ci", "--format", "json"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap_or_default(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// The recorded bundle, every file changed in some way.
fn changed(mut change: impl FnMut(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for entry in tar::Archive::new(GzDecoder::new(RECORDED)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let content = change(&name, content);
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        builder.append_data(&mut header, &name, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn with_manifest(change: impl Fn(&mut Value)) -> Vec<u8> {
    changed(|name, content| {
        if name != "MANIFEST.json" {
            return content;
        }
        let mut manifest: Value = serde_json::from_slice(&content).unwrap();
        change(&mut manifest);
        serde_json::to_vec(&manifest).unwrap()
    })
}

#[test]
fn a_bundle_of_the_first_version_gives_its_verdict_still() {
    let (code, report, stderr) = triage(RECORDED);
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(report["verdict"]["cause"], "upstream-not-running");
    assert_eq!(report["verdict"]["confidence"], "confirmed");
    assert_eq!(report["target"]["url"], "http://127.0.0.1:8460/cart");
}

#[test]
fn what_a_later_writer_adds_within_the_version_is_passed_over() {
    let newer = changed(|name, content| match name {
        "MANIFEST.json" => {
            let mut manifest: Value = serde_json::from_slice(&content).unwrap();
            manifest["colour"] = json!({"of": "the bundle"});
            manifest["target"]["mood"] = json!("bad");
            manifest["files"][0]["weight"] = json!(1);
            manifest["tool"]["version"] = json!("1.99.0");
            serde_json::to_vec(&manifest).unwrap()
        }
        "transcript/transcript.jsonl" => {
            let text = String::from_utf8(content).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines[0] = lines[0].replace('}', ",\"seen_by\":\"nobody\"}");
            for line in lines.iter_mut().skip(1) {
                let mut entry: Value = serde_json::from_str(line).unwrap();
                entry["took_us"] = json!(12);
                if let Some(Value::Object(seen)) = entry.pointer_mut("/answer/seen") {
                    seen.insert("mood".to_owned(), json!(["good"]));
                }
                *line = entry.to_string();
            }
            lines
                .push(json!({"query": "horoscope", "question": {"sign": 7}, "answer": "absent"}).to_string());
            lines.join("\n").into_bytes()
        }
        _ => content,
    });
    let (code, report, stderr) = triage(&newer);
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(report["verdict"]["cause"], "upstream-not-running");
}

#[test]
fn what_an_older_writer_did_not_ask_is_not_taken_for_fine() {
    // The proof stands in the sockets and in the attempt to connect; without both nobody may say who listens.
    let older = changed(|name, content| {
        if name != "transcript/transcript.jsonl" {
            return content;
        }
        let text = String::from_utf8(content).unwrap();
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| !line.contains("net/tcp") && !line.contains("\"127.0.0.1:7\""))
            .collect();
        kept.join("\n").into_bytes()
    });
    let (code, report, stderr) = triage(&older);
    assert_ne!(code, Some(0), "{stderr}");
    assert_ne!(report["verdict"]["status"], "healthy");
    let steps = report["steps"].to_string();
    assert!(steps.contains("could_not_check"), "{steps}");
}

#[test]
fn a_later_major_version_is_refused_with_what_to_do() {
    let newer = with_manifest(|manifest| manifest["format"] = json!("fix502.bundle/v2"));
    assert!(matches!(bundle::read(&newer), Err(BundleError::Newer(_))));
    let (code, _, stderr) = triage(&newer);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr.contains("fix502.bundle/v2") && stderr.contains("update fix502"),
        "{stderr}"
    );
}

#[test]
fn a_manifest_with_hardly_anything_in_it_is_enough() {
    let oldest = with_manifest(|manifest| *manifest = json!({"format": "fix502.bundle/v1"}));
    let (code, report, stderr) = triage(&oldest);
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(report["verdict"]["cause"], "upstream-not-running");
}
