"""What a set's files are: the official ones, by count and checksum, or others."""

from dataclasses import dataclass
from hashlib import sha256

from harness.datasets.emnist import reading
from harness.datasets.emnist.sources import ROLES, Member, Members
from harness.datasets.emnist.variants import PARTS, Variant
from harness.errors import HarnessError

_PARTIAL = "To use it all the same, and have every table say so: partial = true in [dataset]"


@dataclass(frozen=True)
class Survey:
    """A set's files, their number of rows by part, and which of them have the official checksum."""

    variant: Variant
    members: Members
    counts: dict[str, int]
    sums: dict[tuple[str, str], str]
    """The SHA-256 of each gzipped file, "" where its size is another; of plain ones the official one is not known."""

    @property
    def complete(self) -> bool:
        """Whether there are as many images as officially."""
        return all(self.counts.get(part) == self.variant.parts[part].count for part in PARTS)

    @property
    def verified(self) -> int:
        """How many files have the official checksum."""
        return sum(digest == self.variant.official(*key).sha256 for key, digest in self.sums.items())

    @property
    def checked(self) -> str:
        """What the files were compared with, and agreed with."""
        if self.complete and self.verified == len(self.members):
            return "checksums"
        some = f"checksums of {self.verified} of {len(self.members)} files"
        if not self.complete:
            return some
        return f"counts, {some}" if self.sums else "counts"

    def problem(self) -> str | None:
        """Return in what they are not the official files, None if they are as far as is known."""
        for part in PARTS:
            count, official = self.counts.get(part, 0), self.variant.parts[part].count
            if count != official:
                source = self.members.get((part, "images"), f"the {part} part")
                contents = f"holds {count:,} images, the official file {official:,}"
                return f"{source}: {contents}: not {self.variant.title}. {_PARTIAL}"
        for key, digest in self.sums.items():
            if digest != self.variant.official(*key).sha256:
                member, file = self.members[key], self.variant.official(*key)
                contents = f"{member.size:,} bytes{f' with sha256 {digest}' if digest else ''}"
                known = f"{file.size:,} bytes with sha256 {file.sha256}"
                return f"{member}: damaged or altered: {contents}; officially {known}. Get it again. {_PARTIAL}"
        return None

    def title(self, rows: int) -> str:
        """Return what tables call the set when ``rows`` of its images are used.

        Where images are missing the numbers say so; where all are there, but altered, words do.
        """
        of = "" if rows == self.variant.count else f" of {self.variant.count:,}"
        altered = ", not the official files" if self.complete and self.verified < len(self.sums) else ""
        return f"{self.variant.title}, {rows:,}{of} images{altered}"


def survey(variant: Variant, members: Members) -> Survey:
    """Read the files' headers and checksums.

    Raises:
        HarnessError: one is missing beside its other half, is none of EMNIST's, or has other numbers than can be.
    """
    counts = {}
    for part in PARTS:
        pair = {role: members[part, role] for role in ROLES if (part, role) in members}
        if len(pair) == 1:
            ((role, member),) = pair.items()
            absent = variant.file_name(part, "labels" if role == "images" else "images")
            msg = f"{absent}[.gz]: is missing beside {member}"
            raise HarnessError(msg)
        if pair:
            rows = {role: reading.count(member, role) for role, member in pair.items()}
            _check(rows, pair, variant.parts[part].count)
            counts[part] = rows["images"]
    sums = {
        key: _sha256(member) if member.size == variant.official(*key).size else ""
        for key, member in members.items()
        if member.gzipped
    }
    return Survey(variant, members, counts, sums)


def _check(rows: dict[str, int], pair: dict[str, Member], official: int) -> None:
    if rows["images"] > official:
        msg = (
            f"{pair['images']}: its idx header announces {rows['images']:,} images, the official file has "
            f"{official:,}. Get it again"
        )
        raise HarnessError(msg)
    if rows["images"] != rows["labels"]:
        msg = f"{pair['labels']}: {rows['labels']:,} labels for the {rows['images']:,} images of {pair['images']}"
        raise HarnessError(msg)


def _sha256(member: Member) -> str:
    hasher = sha256()
    with member.opened() as file:
        while chunk := file.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()
