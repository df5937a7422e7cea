"""Foreign texts in tables: names and reasons are shown as texts, whatever the format takes them for."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.errors import escaped

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "±": r"$\pm$", "≥": r"$\geq$",
    "≤": r"$\leq$", "×": r"$\times$", "Δ": r"$\Delta$", "σ": r"$\sigma$", "–": "--", "−": "$-$", "·": r"$\cdot$",
    "▲": r"$\bigtriangleup$", "▼": r"$\bigtriangledown$", "≈": r"$\approx$", "…": r"\ldots{}",
    "|": r"\textbar{}", "∞": r"$\infty$", "ε": r"$\epsilon$", "→": r"$\to$", "‖": r"$\|$", "₂": "$_2$", "²": "$^2$",
    "√": r"$\surd$",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ζ": "zeta", "η": "eta", "θ": "theta", "κ": "kappa",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "τ": "tau", "φ": "phi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "Σ": "Sigma", "Ω": "Omega",
}  # fmt: skip
_LATEX |= {letter: f"$\\{name}$" for letter, name in _GREEK.items()}
_LATEX_JOINED = re.compile(r"--|\?`|!`|<<|>>|,,")
"""What TeX's fonts draw as one sign."""
_MARKDOWN = re.compile(r"[\\|`*~]|(?<!\w)_|_(?!\w)|\](?=[(\[:])")
"""What would be read as a column's end, code, emphasis, or a link; an underscore within a word is none."""
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_FORMULA = re.compile(r"[\s\x00-\x1f]*[=+\-@]")
"""What a spreadsheet computes instead of showing it: also behind blanks, tabs and line breaks."""


def terminal(text: str) -> str:
    r"""Return a text that only shows: what a terminal would obey is a question mark.

    >>> terminal("red\x1b[31m")
    'red?[31m'
    """
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def listing(text: str) -> str:
    r"""Return a text in one line that only shows: what a terminal would obey is escaped as in Python.

    >>> print(listing("red\x1b[31m\nnext"))
    red\x1b[31m\nnext
    """
    return escaped(text).replace("\n", "\\n")


def markdown(text: str) -> str:
    r"""Return a text as Markdown shows it: without HTML, links, emphasis or columns.

    >>> print(markdown("a|b <script> [x](javascript:y) val_loss"))
    a\|b &lt;script&gt; [x\](javascript:y) val_loss
    """
    plain = "".join(_HTML.get(sign, sign) for sign in _one_line(text))
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", plain)


def latex(text: str) -> str:
    r"""Return a text as LaTeX shows it, also where a line of a table begins with it.

    >>> print(latex("50 % ± 1"), latex("[a|b--c]"))
    50 \% $\pm$ 1 {}[a\textbar{}b-{}-c]
    """
    apart = _LATEX_JOINED.sub(lambda found: f"{found[0][0]}\0{found[0][1]}", _one_line(text))
    plain = "".join(_LATEX.get(sign, sign) for sign in apart).replace("\0", "{}")
    # A bracket or a star behind the end of a line would be an option of that.
    return f"{{}}{plain}" if plain.startswith(("[", "*")) else plain


def cell(text: str) -> str:
    """Return a text as a cell of a spreadsheet: an apostrophe before what would be a formula.

    >>> cell("=HYPERLINK(1)"), cell("a = b")
    ("'=HYPERLINK(1)", 'a = b')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def heading(text: str) -> str:
    """Return a line of text beside a CSV's cells: a spreadsheet divides it at its commas.

    >>> heading("fog, =1+1")
    "fog, '=1+1"
    """
    return ",".join(re.sub(r"^\s*", lambda blanks: f"{blanks[0]}'", part) if _FORMULA.match(part) else part
                    for part in terminal(_one_line(text)).split(","))  # fmt: skip


def as_it_is(text: str) -> str:
    """Return the text unchanged."""
    return text


def of_format(name: str, *, raw: bool) -> Callable[[str], str]:
    """Return what a format does with a text; as it is where it is wanted ``raw``."""
    return as_it_is if raw else {"terminal": terminal, "markdown": markdown, "latex": latex, "csv": cell}[name]


def _one_line(text: str) -> str:
    return terminal(" ".join(text.split()))
