"""Who signs: a private key in a file, in a PKCS#11 token, or in Vault. Each is named by one piece of text.

release.pem                                        a PEM file
pkcs11:token=rel;object=app?module-path=/lib/x.so  a token (tools/signers/pkcs11)
vault:transit/app                                  Vault's transit engine, or OpenBao's (tools/signers/vault)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import signing


class SignerError(ValueError):
    """A signer that can't be used; the text says which, why, and what to do."""


@contextmanager
def opened(name: Path | str) -> Iterator[signing.Signer]:
    """The signer of that name, for as long as the block lasts. SignerError, or ValueError of a file."""
    scheme = str(name).partition(":")[0]
    if scheme == "pkcs11":
        from tools.signers import pkcs11

        with pkcs11.opened(str(name)) as signer:
            yield Checked(signer, str(name))
    elif scheme == "vault":
        from tools.signers import vault

        with vault.opened(str(name)) as signer:
            yield Checked(signer, str(name))
    else:
        yield signing.KeySigner(signing.load_key(Path(name)))


def public_of(name: Path | str) -> bytes:
    """The public key, 64 bytes, of a signer, or of a PEM file that holds a public key alone."""
    if isinstance(name, Path) or ":" not in name:
        return signing.load_public(Path(name))
    with opened(name) as signer:
        return signer.public


class Checked:
    """What comes from elsewhere is verified before it is put into an envelope."""

    def __init__(self, signer: signing.Signer, name: str) -> None:
        self.public, self._signer, self._name = signer.public, signer, name

    def sign(self, digest: bytes) -> bytes:
        signature = self._signer.sign(digest)
        if not signing.verify(self.public, digest, signature):
            raise SignerError(f"{self._name} gave a signature that its own public key does not verify")
        return signature
