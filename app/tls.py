"""TLS contexts. Certificates and keys are DER: not every MicroPython build reads PEM."""

import ssl


def context(ca, certificate=None, key=None):
    """A client context that trusts `ca` alone and shows `certificate` (with its `key`) if there is one.

    All three are DER bytes; what can't be read is a ValueError or an OSError of the TLS library.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.verify_mode = ssl.CERT_REQUIRED  # type: ignore[attr-defined]  # not in the stubs
    tls.load_verify_locations(cadata=ca)
    if certificate:
        tls.load_cert_chain(certificate, key)
    return tls
