"""The options of a DVC remote that may be sent to pods, and how to pass the secrets among them."""

from __future__ import annotations

from collections.abc import Mapping

from dvc_bridge.pipeline.settings_file import FILE

# Options of all kinds of remotes (dvc/config_schema.py) that are neither a secret nor a local file.
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
# Secret options -> the environment variable with the same meaning; empty: there is none.
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
# Options that make DVC prompt the user, which is not possible in a pod.
PROMPTS = ("ask_password", "ask_passphrase")
_BOOLEANS = ("true", "false")


def travels(option: str, value: str) -> bool:
    """Whether the option can be sent to another machine unchanged."""
    if option == "ssl_verify":  # true or false, or a file with certificates
        return value.lower() in _BOOLEANS
    return option in OPEN


def for_pods(
    name: str, options: Mapping[str, object], overrides: Mapping[str, str], *, has_secrets: bool
) -> tuple[dict[str, str], list[str]]:
    """Return the options of a remote that pods get, and the problems with the others.

    Parameters
    ----------
    overrides
        Options whose values differ in pods; an empty value removes the option.
    has_secrets
        Whether pods have credentials of their own; their content is not known here.
    """
    texts = {key: str(value) for key, value in options.items()}
    sent = {key: value for key, value in texts.items() if travels(key, value)} | dict(overrides)
    withheld = {k: v for k, v in texts.items() if k not in sent and v.lower() != "false"}
    problems = [problem for option in withheld if (problem := _describe_problem(name, option))]
    variables = [SECRET[option] for option in withheld if SECRET.get(option)]
    if variables and not has_secrets:
        problems.append(
            f"remote {name}: its keys are not sent to pods; create a Secret with"
            f" {', '.join(variables)}, and add its name to {FILE}: argo: {{secrets: [NAME]}}"
        )
    return {key: value for key, value in sent.items() if value != ""}, problems


def _describe_problem(name: str, option: str) -> str:
    if option in PROMPTS:
        return f"remote {name}: {option} prompts the user, which is not possible in a pod"
    if option == "profile":
        return (
            f"remote {name}: profile refers to credentials on this machine; pods use those of their"
            f" environment: put them into a Secret that `secrets` in dvc-bridge.yaml names, and put"
            f" argo: {{remotes: {{{name}: {{profile: ''}}}}}} into {FILE}"
        )
    if option not in SECRET:
        return (
            f"remote {name}: {option} refers to a file on this machine; put it into a Secret listed"
            f" in argo.secret_files of {FILE}, and set argo.remotes.{name}.{option} to its path in"
            " pods"
        )
    if not SECRET[option]:
        return (
            f"remote {name}: {option} is a secret that DVC cannot read from the environment, and a"
            " manifest must not contain it: use a remote with other credentials"
        )
    return ""
