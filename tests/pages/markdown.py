"""What the pages are made of: sections of paragraphs, tables and blocks of code."""
import re
from dataclasses import dataclass, field

HEADING = re.compile(r'#+ (.*)')
LINK = re.compile(r'\[([^\]]*)\]\(([^)\s]+)\)')


@dataclass
class Block:
    """Lines of one kind: 'text', 'table', 'code' (indented, or between ``` of `language`)."""
    kind: str
    line: int  # of the page, from 1
    lines: list = field(default_factory=list)
    language: str = ''

    def text(self):
        return '\n'.join(self.lines)

    def links(self):
        return [target for _, target in LINK.findall(self.text())]


@dataclass
class Section:
    title: str
    blocks: list = field(default_factory=list)

    def anchor(self):
        plain = LINK.sub(r'\1', self.title)
        return re.sub(r'[^\w\- ]', '', plain).replace(' ', '-').lower()


def kind_of(line, before):
    """Of a line that is in no ``` block; `before` is the kind of the one above, None after an empty one."""
    if line.startswith('|'):
        return 'table'
    if line.startswith('    ') and before in (None, 'code'):
        return 'code'
    return 'text'


def sections(text):
    """A page's sections, the first perhaps without a title. Comments are left out; <pre> is code."""
    text = re.sub(r'<!--.*?-->', lambda m: '\n' * m.group().count('\n'), text, flags=re.DOTALL)
    text = re.sub(r'<pre[^>]*>\n?(.*?)</pre>', r'```\n\1\n```', text, flags=re.DOTALL)
    found, fence, before = [Section('')], None, None
    for at, line in enumerate(text.splitlines(), 1):
        blocks = found[-1].blocks
        mark = re.match(r'\s*```(\w*)', line)
        if mark:
            fence = None if fence else Block('code', at, [], mark.group(1) or 'text')
            before = None
            if fence:
                blocks.append(fence)
        elif fence:
            fence.lines.append(line)
        elif HEADING.match(line):
            found.append(Section(HEADING.match(line).group(1)))
            before = None
        elif not line.strip():
            before = None
        else:
            kind = kind_of(line, before)
            if kind != before or re.match(r'\s*(?:[-*]|\d+\.) ', line):
                blocks.append(Block(kind, at))
            blocks[-1].lines.append(line)
            before = kind
    return found


def cells(row):
    return [cell.strip() for cell in re.split(r'(?<!\\)\|', row.strip().strip('|'))]
