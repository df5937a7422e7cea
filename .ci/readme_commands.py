"""Print the shell commands of README.md's first code block under "Run it", one a line: CI runs what a reader runs."""

import re
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text()
block = re.search(r"## Run it.*?```sh\n(.*?)```", text, flags=re.DOTALL)
if block is None:
    sys.exit('README.md: there is no ```sh block under "## Run it"')
commands = [line for line in block[1].splitlines() if line.startswith("pip install")]
if len(commands) != 2:
    sys.exit(f"README.md: two commands are promised, {len(commands)} found")
print("\n".join(commands))
