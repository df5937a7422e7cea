"""``python -m harness``: the command line."""

from harness.machine.children import leave_current_folder


def _main() -> None:
    leave_current_folder("harness")
    from harness.cli import main  # now: what it imports must not come from the current folder

    main()


if __name__ == "__main__":
    _main()
