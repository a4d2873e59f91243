"""still.py - a recording of a run in a terminal, and a picture of its last screen

For `demos`, which makes recordings, and for `refresh`, whose pages show some. A
recording is a file of asciinema's second version: a header, then a line for each
piece of output. What the labs send to a terminal is lines, colours (SGR), and now
and then an erased line; this reads that much of a terminal's language and no more.

The picture has one dark look, as a terminal window has, on light pages and on dark.
"""

import json
import os
import re
import subprocess
import tempfile
from html import escape
from itertools import groupby
from pathlib import Path

from scenes import Wrong

COLUMNS, ROWS = 80, 24
TIME_LIMIT = 120  # seconds for a recording
LINGER = 0.5  # when the command ends, asciinema drops what it has not read by then


# --- recording --------------------------------------------------------------------


def record(root, command, cast):
    """Has asciinema play the command in a terminal of its own, colours and all."""
    cast.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        status = Path(folder) / 'status'  # asciinema does not tell it
        environment = dict(os.environ, LANG='C.UTF-8', LC_ALL='C.UTF-8',
                           TERM='xterm-256color', ASCIINEMA_CONFIG_HOME=folder)
        environment.pop('NO_COLOR', None)
        try:
            subprocess.run(
                ['asciinema', 'rec', '-q', '--overwrite', '--cols', str(COLUMNS),
                 '--rows', str(ROWS), '-i', '1.0', '-e', 'TERM', '-t', command,
                 '-c', f'{command}; echo $? >{status}; sleep {LINGER}', cast],
                cwd=root, env=environment, stdin=subprocess.DEVNULL,
                start_new_session=True,  # not in the terminal that this runs in
                timeout=TIME_LIMIT, check=True)
        except FileNotFoundError:
            raise Wrong('asciinema is not there: ./setup --dev installs it') from None
        except subprocess.SubprocessError as error:
            raise Wrong(f'{command}: {error}') from None
        ended = status.read_text().strip() if status.exists() else 'none'
    if ended != '0':
        raise Wrong(f'{command}: exit status {ended}, see {cast}')


# --- the screen -------------------------------------------------------------------

PIECE = re.compile(r'\x1b\[([\d;]*)([mK])|([\r\n])|([^\x1b\r\n]+)|(.)', re.DOTALL)
CLASSES = {'1': 'bold', '31': 'red', '32': 'green', '36': 'cyan', '7': 'reverse'}


def screen(cast):
    """All the lines a recording wrote: each a list of (character, its classes)."""
    header, *events = [json.loads(line) for line in cast.read_text().splitlines()]
    if header['version'] != 2:
        raise Wrong(f'{cast}: version {header["version"]} of asciicast, not 2')
    lines, column, style = [[]], 0, ()
    for codes, letter, control, text, other in PIECE.findall(
            ''.join(data for _, kind, data in events if kind == 'o')):
        if letter == 'm':
            for code in codes.split(';'):
                style = (*style, CLASSES[code]) if code in CLASSES else ()
        elif letter == 'K' and codes in ('', '0'):
            del lines[-1][column:]
        elif control == '\n':
            lines.append([])
        elif control == '\r':
            column = 0
        elif text:
            for character in text:
                if column == header['width']:
                    lines.append([])
                    column = 0
                lines[-1][column:column + 1] = [(character, style)]
                column += 1
        else:
            raise Wrong(f'{cast}: a terminal code this does not know')
    while lines and not lines[-1]:
        lines.pop()
    return lines


def text_of(lines):
    return [''.join(character for character, _ in line).rstrip() for line in lines]


# --- the picture ------------------------------------------------------------------

WIDE, HIGH, MARGIN, BAR = 8.4, 18, 16, 34  # of a character; around all; on top
STYLE = '''\
svg { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono",
  "Liberation Mono", monospace; }
.window { fill: #161b22; stroke: #6e7681; } .bar { stroke: #6e7681; }
.knob { fill: #6e7681; } .name { fill: #9198a1; text-anchor: middle; }
.text { fill: #e6edf3; } .bold { font-weight: 700; }
.green { fill: #6fdd8b; } .red { fill: #ff9a92; } .cyan { fill: #5cd6e0; }
.reverse { fill: #f0b72f; }'''


def words(line):
    """(column, text, classes): what has one colour, and no gap that a font of
    another width would shift."""
    column = 0
    for style, run in groupby(line, key=lambda cell: cell[1]):
        run = ''.join(character for character, _ in run)
        for found in re.finditer(r'\S+(?: \S+)*', run):
            yield column + found.start(), found[0], ' '.join(('text', *style))
        column += len(run)


def draw(lines, name, rows=None):
    """The last rows of the screen, all by default, in a window of that name."""
    lines = lines[-(rows or len(lines)):]
    while lines and not lines[0]:
        lines = lines[1:]
    width = round(COLUMNS * WIDE + 2 * MARGIN)
    height = round(BAR + len(lines) * HIGH + 1.5 * MARGIN)
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
           f'height="{height}" viewBox="0 0 {width} {height}" role="img">',
           f'<title>{escape(name)}, as in a terminal</title>',
           f'<style>\n{STYLE}\n</style>',
           f'<rect class="window" x="0.5" y="0.5" width="{width - 1}" '
           f'height="{height - 1}" rx="8"/>',
           f'<line class="bar" x1="1" y1="{BAR}" x2="{width - 1}" y2="{BAR}"/>',
           *(f'<circle class="knob" cx="{x}" cy="{BAR / 2}" r="5"/>'
             for x in (20, 38, 56)),
           f'<text class="name" x="{width / 2}" y="{BAR / 2 + 5}">{escape(name)}</text>']
    for row, line in enumerate(lines):
        y = BAR + MARGIN + row * HIGH + 8
        for column, text, classes in words(line):
            svg.append(f'<text class="{classes}" x="{MARGIN + column * WIDE:.1f}" '
                       f'y="{y}" textLength="{len(text) * WIDE:.1f}" '
                       f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>')
    return '\n'.join([*svg, '</svg>', ''])


# --- for the pages ----------------------------------------------------------------


def block(root, page, what, fresh, normal, check):
    """A recording and its picture for a page; the words for them. Where fresh, the
    lines that the command prints now, says what the recording says (but for what
    normal() takes out), both are left as they are. fresh is None: they are not run.
    """
    name = re.sub(r'\W+', '-', what.removeprefix('build/')).strip('-')
    cast = root / 'guide' / 'demos' / f'{name}.cast'
    path = root / 'guide' / 'pictures' / f'{name}-still.svg'
    made = []
    if fresh is not None and not (
            cast.exists() and normal(text_of(screen(cast))) == normal(fresh)):
        if check:
            raise Wrong(f'{cast.relative_to(root)} is not what {what} prints now')
        record(root, what, cast)
        if normal(text_of(screen(cast))) != normal(fresh):
            raise Wrong(f'{what} prints another thing each time')
        made.append(cast)
    lines = screen(cast)
    drawn = draw(lines, what)
    if not path.exists() or path.read_text() != drawn:
        if check:
            raise Wrong(f'{path.relative_to(root)} does not show the recording')
        path.parent.mkdir(exist_ok=True)
        path.write_text(drawn)
        made.append(path)
    for file in made:
        print(f'{file.relative_to(root)}: refreshed')
    told = '; '.join(line.removeprefix('=> ') for line in text_of(lines)
                     if line.startswith('=> '))
    return [f'![What {what} prints in a terminal. It concludes: {told}]'
            f'({os.path.relpath(path, page.parent)})']
