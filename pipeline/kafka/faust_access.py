"""The same access for Faust's own client (aiokafka), which knows other names for the same things."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.errors import ConfigurationError
from pipeline.kafka.clients import KafkaAccess

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

_FILES_NEEDED = (
    *("ssl.certificate.pem", "ssl.key.pem", "ssl.keystore.location", "ssl.key", "ssl.certificate"),
    *("ssl_key", "ssl_certificate"),
)
_SASL_WITH_PASSWORD = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})


@dataclass(frozen=True, slots=True)
class FaustAccess:
    """For `faust.App(broker=..., broker_credentials=...)`; None means neither TLS nor SASL."""

    broker: str
    broker_credentials: CredentialsT | None = field(repr=False)


def faust_access(access: KafkaAccess) -> FaustAccess:
    """Raises `ConfigurationError` for what Faust's client cannot do (OAuth, key stores)."""
    servers = [server.strip() for server in access.bootstrap_servers.split(",") if server.strip()]
    return FaustAccess(";".join(f"aiokafka://{server}" for server in servers), _credentials(access))


def _credentials(access: KafkaAccess) -> CredentialsT | None:
    from faust.auth import GSSAPICredentials, SASLCredentials, SSLCredentials

    options = access.options
    protocol = options.get("security.protocol", "plaintext").lower()
    context = _ssl_context(access) if protocol in {"ssl", "sasl_ssl"} else None
    if protocol == "plaintext":
        return None
    if protocol == "ssl":
        return SSLCredentials(context)
    mechanism = options.get("sasl.mechanism", options.get("sasl.mechanisms", "GSSAPI")).upper()
    if mechanism in _SASL_WITH_PASSWORD:
        return SASLCredentials(
            username=options.get("sasl.username", ""),
            password=options.get("sasl.password", ""),
            ssl_context=context,
            mechanism=mechanism,
        )
    if mechanism == "GSSAPI":
        name = options.get("sasl.kerberos.service.name", "kafka")
        return GSSAPICredentials(kerberos_service_name=name, ssl_context=context)
    raise ConfigurationError(
        f"KAFKA_SASL_MECHANISM={mechanism} is not possible with Faust's client; use PLAIN or SCRAM-SHA-512 over "
        "SASL_SSL, or a TLS client certificate"
    )


def _ssl_context(access: KafkaAccess) -> ssl.SSLContext:
    options = access.options
    for name in _FILES_NEEDED:
        if name in options:
            raise ConfigurationError(
                f"{name} is not possible with Faust's client; give PEM files by KAFKA_SSL_CERTIFICATE_LOCATION and "
                "KAFKA_SSL_KEY_LOCATION"
            )
    try:
        context = ssl.create_default_context(cafile=options.get("ssl.ca.location"), cadata=options.get("ssl.ca.pem"))
        if certificate := options.get("ssl.certificate.location"):
            context.load_cert_chain(certificate, options.get("ssl.key.location"), options.get("ssl.key.password"))
    except OSError as error:
        raise ConfigurationError(f"a KAFKA_SSL_*_LOCATION cannot be used: {error}") from error
    if options.get("ssl.endpoint.identification.algorithm", "https") == "none":
        context.check_hostname = False
    if options.get("enable.ssl.certificate.verification", "true").lower() == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
