"""Whether what a page says in numbers is in what its commands print, in the section that it quotes, or has a command."""
import re

from markdown import cells, sections
from numbers_on_pages import COST, numbers, same

# What is no measured number: in code, links' targets, papers, dates, versions, places in papers, equations.
WITH_VERSIONS = (r'(?:PEFT|PyTorch|Transformers|Diffusers|timm|torchvision|Pillow|bitsandbytes|OpenBLAS|oneDNN|Open MPI|'
                 r'Slurm|CUDA|C?Python|Meson|Debian|clang|g\+\+|Papilio|CC BY)')
PLAIN = re.compile(r'`[^`]*`|\]\([^)]*\)|<[^>]*>|https?:\S+|\barXiv[ \d.]+|\b\d{4}\.\d{5}\b|\b\d{4}-\d\d-\d\d\b|'
                   r'\bv?\d+\.\d+\.\d[\w.+]*|' + WITH_VERSIONS + r' v?\d+(?:\.\d+)?(?:(?:, | and )\d+\.\d+)*|'
                   r'\b(?:sections?|figures?|equations?|lessons?|appendix|tables?) [\d.]+(?:(?:, | and | to )[\d.]+)*|'
                   r'(?:[=<>≤≥]|eps) ?[-−]?[\d.,]*\d|[\d.]+(?= ?=)')
COMMAND = re.compile(r'(?:\$ |\w+=\S+ )*(?:papilio |\./dev |mpirun |srun |sample_|build/|tests/|\w+/bin/python|'
                     r'findings/|[\w/]+\.(?:py|sh)\b)')
WORDS_OF_NUMBERS = re.compile(r'(?:[KMGT]i?B|ms|s|to|and|against|compiled)\b|(?<=\d)e(?=[-+]\d)')
COUNTED = 'counted, not measured'
INLINE = re.compile(r'`([^`]+)`')


def without(pattern, line):
    """The line with blanks in the place of what the pattern finds."""
    return pattern.sub(lambda m: ' ' * len(m.group()), line)


def measured_in_text(line):
    plain = without(PLAIN, line)
    for n in numbers(plain):
        exact = plain[n.begin:n.end]
        if n.share or n.cost or '.' in exact or 'e' in exact or '±' in plain[max(0, n.begin - 2):n.end + 2]:
            yield n


def numeric_cells(row):
    """The cells that are numbers alone, such as "≥ 94.8 ± 0.9" and "354 against 2,220 MiB"."""
    for cell in cells(row):
        plain = without(PLAIN, re.sub(r'^[≥>]=? ', '', cell))
        if numbers(plain) and not re.search(r'[^\W\d_]', WORDS_OF_NUMBERS.sub('', plain)):
            yield plain


def measured_rows(table, counts):
    """[(which line, its measured numbers)] of a table; one that has counts alone is looked at if these are wanted."""
    rows = [(i, [cell for cell in numeric_cells(line)]) for i, line in enumerate(table.lines) if i > 1]
    if not counts and not any(re.search(r'[.%±e]|\d,\d|' + COST.pattern, cell) for _, found in rows for cell in found):
        return []
    return [(i, [n for cell in found for n in numbers(cell)]) for i, found in rows if found]


def names_command(section):
    for block in section.blocks:
        lines = block.lines if block.kind == 'code' else INLINE.findall(block.text())
        if any(COMMAND.match(line.strip()) for line in lines):
            return True
    return False


def quoted_lines(page, links):
    """The lines of the sections that links lead to; None if none leads to one."""
    found = None
    for link in links:
        path, _, anchor = link.partition('#')
        if not anchor or ':' in path or path and not path.endswith('.md'):
            continue
        target = page.parent / path if path else page
        for section in sections(target.read_text(encoding='utf-8')):
            if section.anchor() == anchor:
                found = found or []
                found += [line for block in section.blocks for line in block.lines]
    return found


def one_line_has(row, lines):
    """Whether a line has the row's numbers, in their order."""
    for line in lines:
        rest = iter(numbers(line))
        if all(any(same(n, other) for other in rest) for n in row):
            return True
    return False


def missing(block, lines, costs, counts=False):
    """What of a block's measured numbers the lines do not have; `costs`: what a machine took must be there too."""
    known = [n for line in lines for n in numbers(line)]
    for i, row in measured_rows(block, counts) if block.kind == 'table' else []:
        row = [n for n in row if costs or not n.cost]
        if row and not one_line_has(row, lines):
            yield i, block.lines[i]
    for i, line in enumerate(block.lines) if block.kind == 'text' else []:
        for n in measured_in_text(line):
            if (costs or not n.cost) and not any(same(n, other) for other in known):
                yield i, line[max(0, n.begin - 20):n.end + 10]


def complaints_of_claims(page, page_sections, printed):
    """A line each. `printed`: what the commands of a section have printed, by its title."""
    found = []
    counted = any(COUNTED in block.text() for section in page_sections for block in section.blocks)
    for section in page_sections:
        links_above = []
        for block in section.blocks:
            if block.kind == 'code':
                continue
            links = block.links() + (links_above if block.kind == 'table' else [])
            links_above = block.links() if block.kind == 'text' else []
            quoted, own = quoted_lines(page, links), printed.get(section.title)
            if quoted is not None:
                wrong = missing(block, quoted + (own or []), costs=own is None)
                why = 'not in the section that it quotes'
            elif own is not None:
                wrong, why = missing(block, own, costs=False, counts=not counted), 'nothing here prints this'
            else:
                wrong = [] if counted or names_command(section) else missing(block, [], costs=True)
                why = 'no command beside it'
            found += [f'{page}:{block.line + i}: {why}: {text.strip()}' for i, text in wrong]
    return found
