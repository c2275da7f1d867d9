//! All of the other tests again, with the views in PostgreSQL: each text of SQL runs on both databases.

use std::process::Command;

/// Asks the worlds to stand in PostgreSQL.
pub(crate) const ASKED: &str = "SIGMA_TEST_VIEWS_ON_POSTGRESQL";

#[test]
fn all_of_it_holds_on_postgresql() {
    if std::env::var_os(ASKED).is_some() {
        return;
    }
    let again = Command::new(std::env::current_exe().unwrap()).env(ASKED, "1").output().unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success(), "{said}{}", String::from_utf8_lossy(&again.stderr));
    assert!(said.contains("so_they_do_on_sqlite_and_after_a_rebuild ... ok"), "{said}");
}
