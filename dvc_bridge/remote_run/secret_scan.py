"""Detection of secrets by file name and content, so that none leaves the machine by accident.

Nothing is guessed from the randomness of a text: a finding is a private key, a credentials file or
a token in the distinctive format of its issuer. Placeholders in documentation are not findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from dvc_bridge.pipeline.remote_secrets import SECRET

# Larger files, and files with a zero byte, are data.
MOST_BYTES = 1 << 20

# Patterns for the last parts of paths, in lower case.
_NAMES = (
    *(".env", ".env.*", "*.env", ".netrc", "_netrc", ".pypirc", ".git-credentials", ".pgpass"),
    *(".htpasswd", ".my.cnf", ".dockercfg", ".vault-token", "kubeconfig", "kubeconfig.*"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"),
    *("*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.key", "*.pem"),
    *(".aws/credentials", ".kube/config", ".config/gcloud/*", ".azure/*"),
    *("secrets.yaml", "secrets.yml", "secrets.toml", "secrets.json", "credentials.json"),
    *("client_secret*.json", "*credentials*.json"),
)
_EXAMPLES = ("*.example", "*.sample", "*.template", "*.dist", "*.tmpl")
# Marks of encrypted or public content, regardless of the file name.
_HARMLESS = (b"ENC[AES256_GCM,", b"$ANSIBLE_VAULT;", b"-----BEGIN CERTIFICATE", b"BEGIN PUBLIC KEY")

_ANY = rb"[A-Za-z0-9_-]"
_AWS = rb"(?i)aws_secret_access_key[\"']?\s*[:=]\s*[\"']?[\w/+]{40}\b"
# A marker that every such text contains, the pattern of a real secret, and its description.
_FORMS: tuple[tuple[bytes, re.Pattern[bytes], str], ...] = tuple(
    (marker, re.compile(pattern), name)
    for marker, pattern, name in (
        (
            b"PRIVATE KEY",
            rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
            rb"(?:\s|\\[nr]|[A-Za-z-]+: [^\n]*)*[A-Za-z0-9+/=\s\\]{60,}",
            "a private key",
        ),
        (b"PuTTY-User-Key-File", rb"PuTTY-User-Key-File-[23]: \S+\s+Encryption:", "a private key"),
        (b"aws_secret", _AWS, "a key of AWS"),
        (b"AWS_SECRET", _AWS, "a key of AWS"),
        (b"AccountKey=", rb"AccountKey=[A-Za-z0-9+/]{86}==", "a key of Azure"),
        (b"AIza", rb"\bAIza" + _ANY + rb"{35}\b", "an API key of Google"),
        (b"gh", rb"\bgh[pousr]_[A-Za-z0-9]{36,}\b", "a token of GitHub"),
        (b"github_pat_", rb"\bgithub_pat_\w{82}\b", "a token of GitHub"),
        (b"glpat-", rb"\bglpat-" + _ANY + rb"{20,}", "a token of GitLab"),
        (b"xox", rb"\bxox[abeprs]-[0-9]{8,}-[A-Za-z0-9-]{16,}", "a token of Slack"),
        (b"sk_live_", rb"\b[rs]k_live_[A-Za-z0-9]{24,}", "a key of Stripe"),
        (b"sk-", rb"\bsk-(?:proj-|ant-[a-z0-9]+-)?[A-Za-z0-9_-]{40,}", "an API key"),
        (b"hf_", rb"\bhf_[A-Za-z]{34}\b", "a token of Hugging Face"),
        (b"npm_", rb"\bnpm_[A-Za-z0-9]{36}\b", "a token of npm"),
        (b"_authToken", rb"(?m):_authToken\s*=\s*[^\s$]{8,}", "a token of npm"),
        (b"pypi-AgE", rb"\bpypi-AgE" + _ANY + rb"{50,}", "a token of PyPI"),
        (b"SG.", rb"\bSG\.[\w-]{22}\.[\w-]{43}\b", "a key of SendGrid"),
        (b"dapi", rb"\bdapi[0-9a-f]{32}\b", "a token of Databricks"),
        (b"dop_v1_", rb"\bdop_v1_[0-9a-f]{64}\b", "a token of DigitalOcean"),
        (b"hvs.", rb"\bhvs\." + _ANY + rb"{24,}", "a token of Vault"),
        (b'"auths"', rb'"auth"\s*:\s*"[A-Za-z0-9+/=]{8,}"', "credentials of a registry"),
        (b"client-key-data", rb"client-key-data:\s*[A-Za-z0-9+/=]{40,}", "a kubeconfig's key"),
    )
)
_PLACEHOLDER = re.compile(rb"(?i)example|placeholder|your[_-]|xxxx|<[a-z]|\.\.\.|\*\*\*\*|changeme")


# Options of DVC's remotes that are secrets; an ID of a key is none.
_OPTIONS = sorted(SECRET.keys() - {"access_key_id", "oss_key_id"})
_OPTION = re.compile(rf"(?m)^[ \t]*({'|'.join(_OPTIONS)})[ \t]*=[ \t]*\S")


def find_secret_option(config: str) -> str:
    """Return an option of a remote that is a secret, in a text of DVC's settings; empty: none."""
    found = _OPTION.search(config)
    return found[1] if found else ""


def secret_in(base: Path, name: str) -> str:
    """Return why a file is a secret; empty: it is not.

    Parameters
    ----------
    base
        The folder that `name` is relative to.
    """
    path = base / name
    if path.is_symlink() or not path.is_file():
        return ""
    size = path.stat().st_size
    content = path.read_bytes() if size <= MOST_BYTES else b""
    if secret := next(_secrets(content), ""):
        return f"it holds {secret}"
    if _has_secret_name(name) and not any(mark in content for mark in _HARMLESS):
        return "its name says so"
    return ""


def _has_secret_name(name: str) -> bool:
    path = PurePosixPath(name.lower())
    if any(fnmatchcase(path.name, pattern) for pattern in _EXAMPLES):
        return False
    ends = ["/".join(path.parts[-count:]) for count in range(1, 4)]
    return any(fnmatchcase(end, pattern) for pattern in _NAMES for end in ends)


def _secrets(content: bytes) -> Iterator[str]:
    if b"\0" in content:
        return
    for marker, form, name in _FORMS:
        if marker not in content:
            continue
        for match in form.finditer(content):
            if not _PLACEHOLDER.search(match[0]):
                yield name
                break
