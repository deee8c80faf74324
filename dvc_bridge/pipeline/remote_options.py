"""Which options of a DVC remote another machine can be given, and what to do about the others."""

from __future__ import annotations

from collections.abc import Mapping

_FILE = "dvc-bridge.yaml"
# Of remotes of all kinds (dvc/config_schema.py): no secret, and no file of one machine.
OPEN = frozenset(
    {
        *("url", "endpointurl", "region", "use_ssl", "listobjects", "sse", "sse_kms_key_id", "acl"),
        *("sse_customer_algorithm", "grant_read", "grant_read_acp", "grant_write_acp"),
        *("grant_full_control", "cache_regions", "read_timeout", "connect_timeout", "timeout"),
        *("connection_timeout", "jobs", "checksum_jobs", "verify", "projectname", "account_name"),
        *("tenant_id", "client_id", "exclude_environment_credential", "oss_endpoint"),
        *("exclude_visual_studio_code_credential", "exclude_shared_token_cache_credential"),
        *("exclude_managed_identity_credential", "allow_anonymous_login", "host", "port", "user"),
        *("max_sessions", "gss_auth", "allow_agent", "replication", "kerberos", "proxy_to"),
        *("kerberos_principal", "use_https", "data_proxy_target", "auth", "method"),
        *("gdrive_use_service_account", "gdrive_client_id", "gdrive_service_account_user_email"),
        *("gdrive_trash_only", "gdrive_acknowledge_abuse", "version_aware", "worktree"),
        *("type", "shared", "protected", "slow_link_warning", "no_traverse"),
    }
)
# Secrets -> the variable of the environment that says the same.
SECRET = {
    "access_key_id": "AWS_ACCESS_KEY_ID",
    "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "session_token": "AWS_SESSION_TOKEN",
    "connection_string": "AZURE_STORAGE_CONNECTION_STRING",
    "account_key": "AZURE_STORAGE_KEY",
    "sas_token": "AZURE_STORAGE_SAS_TOKEN",
    "client_secret": "AZURE_CLIENT_SECRET",
    "oss_key_id": "OSS_ACCESS_KEY_ID",
    "oss_key_secret": "OSS_ACCESS_KEY_SECRET",
    "gdrive_client_secret": "",
    **dict.fromkeys(("sse_customer_key", "password", "passphrase", "token"), ""),
    **dict.fromkeys(("custom_auth_header", "bearer_token_command"), ""),
}
# Questions that nobody answers in a pod.
ASKS = ("ask_password", "ask_passphrase")
_WORDS = ("true", "false")


def travels(option: str, value: str) -> bool:
    """Whether another machine gets the option as it is."""
    if option == "ssl_verify":  # a word, or a file with certificates
        return value.lower() in _WORDS
    return option in OPEN


def for_pods(
    name: str, options: Mapping[str, object], own: Mapping[str, str], *, has_secrets: bool
) -> tuple[dict[str, str], list[str]]:
    """Return the options of a remote that pods get, and what is wrong with the others.

    Parameters
    ----------
    own
        Options that are other ones in pods; empty for none.
    has_secrets
        Whether pods have credentials of their own; what these are is not known.
    """
    given = {key: str(value) for key, value in options.items()}
    told = {key: value for key, value in given.items() if travels(key, value)} | dict(own)
    left = {k: v for k, v in given.items() if k not in told and v.lower() != "false"}
    problems = [said for option in left if (said := _problem(name, option))]
    variables = [SECRET[option] for option in left if SECRET.get(option)]
    if variables and not has_secrets:
        problems.append(
            f"remote {name}: its keys stay on this machine; make a Secret with"
            f" {', '.join(variables)}, and name it: argo: {{secrets: [NAME]}} in {_FILE}"
        )
    return {key: value for key, value in told.items() if value != ""}, problems


def _problem(name: str, option: str) -> str:
    if option in ASKS:
        return f"remote {name}: {option} asks a person, and there is none in a pod"
    if option == "profile":
        return (
            f"remote {name}: profile names credentials of this machine; pods take those of their"
            f" environment: put them into a Secret that argo.secrets names, and"
            f" argo: {{remotes: {{{name}: {{profile: ''}}}}}} into {_FILE}"
        )
    if option not in SECRET:
        return (
            f"remote {name}: {option} names a file of this machine; put it into a Secret under"
            f" argo.secret_files in {_FILE}, and its path in pods into argo.remotes.{name}.{option}"
        )
    if not SECRET[option]:
        return (
            f"remote {name}: {option} is a secret that DVC takes from no environment, and a"
            " manifest may not hold it: use a remote with other credentials"
        )
    return ""
