//! The token that may do everything.

use std::fmt;

use subtle::ConstantTimeEq;

/// The token that may do everything. Never printed.
#[derive(Clone)]
pub struct AdminToken(String);

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

impl AdminToken {
    /// Wraps the token as it stands in `DATA_DIR/admin-token`, without the newline.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// Whether an `Authorization` header's value carries this token (RFC 6750 §2.1; the scheme in any case).
    pub fn is_in(&self, authorization: Option<&str>) -> bool {
        authorization.and_then(bearer).is_some_and(|token| self.is(token))
    }

    /// Whether this is the token. It takes the same time wherever two tokens of one length differ.
    pub fn is(&self, token: &str) -> bool {
        let same: bool = self.0.as_bytes().ct_eq(token.as_bytes()).into();
        same && !self.0.is_empty()
    }
}

/// The token that an `Authorization` header's value carries (RFC 6750 §2.1; the scheme in any case).
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_as_bearer_is_let_in() {
        let token = AdminToken::new("secret");
        assert!(token.is_in(Some("Bearer secret")));
        assert!(token.is_in(Some("bearer  secret ")));
        for wrong in ["Bearer secre", "Bearer secrets", "Basic secret", "secret", "Bearer ", ""] {
            assert!(!token.is_in(Some(wrong)), "{wrong}");
        }
        assert!(!token.is_in(None));
    }

    #[test]
    fn an_empty_token_lets_nobody_in() {
        assert!(!AdminToken::new("").is_in(Some("Bearer ")));
        assert!(!AdminToken::new("").is(""));
    }

    #[test]
    fn a_token_is_never_printed() {
        assert_eq!(format!("{:?}", AdminToken::new("secret")), "AdminToken(…)");
    }
}
