"""Keys of S3 out of a file, as other clients of S3 have it: AWS_SHARED_CREDENTIALS_FILE, the section AWS_PROFILE."""

import configparser
from collections.abc import Mapping
from pathlib import Path

from matinee.model.errors import Invalid

_NAMES = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def with_credentials(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with the keys of the file it names; keys that stand in the environment itself go before.

    Invalid, with the file's name and nothing of what is in it, if it cannot be read.
    """
    named = environment.get("AWS_SHARED_CREDENTIALS_FILE")
    if not named or any(environment.get(name.upper()) for name in _NAMES):
        return environment
    profile = environment.get("AWS_PROFILE") or "default"
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(Path(named).read_text())
        section = parser[profile]
    except OSError as error:
        raise Invalid(f"AWS_SHARED_CREDENTIALS_FILE={named!r} cannot be read: {error.strerror}.") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        # The parser's own words repeat the line, which may be the secret.
        raise Invalid(f"AWS_SHARED_CREDENTIALS_FILE={named!r} is no file of sections and keys.") from error
    except KeyError as error:
        raise Invalid(f"AWS_SHARED_CREDENTIALS_FILE={named!r} has no section [{profile}].") from error
    return {**environment, **{name.upper(): section[name] for name in _NAMES if section.get(name)}}
