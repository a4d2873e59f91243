"""What a lab asks, and what its chapter has recorded of the answers.

The questions come from `build/labN --list`. The answers come from the outputs that
guide/tools/refresh has put into the chapter: nothing is played once more, so that a
page that quotes a chapter says what the chapter says, to the last figure.
"""

import functools
import os
import re
import subprocess

KINDS = 'questions', 'answers', 'conclusion'
LINE_TO_WRITE_ON = ' '.join('.' * 36)  # with spaces: a narrow screen may break it


class Wrong(Exception):
    """A block or a source that cannot be made sense of; the text says where."""


def chapter_of(root, lab):
    """The chapter of build/lab6: guide/lab6-lock.md."""
    found = sorted((root / 'guide').glob(f'{lab.removeprefix("build/")}-*.md'))
    if len(found) != 1:
        raise Wrong(f'{lab}: {len(found)} chapters, and not one')
    return found[0]


@functools.cache
def listed(root, lab):
    """The scenes of a lab, in their order: (name, question)."""
    command = [root / lab, '--list']
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=10,
                              capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise Wrong(f'{lab}: not there; run make first') from None
    except (OSError, subprocess.SubprocessError) as error:
        raise Wrong(f'{lab} --list: {error}') from None
    return [tuple(line.split('\t', 1)) for line in done.stdout.splitlines()]


def recorded(chapter, lab, scene):
    """What the scene printed when its chapter was last refreshed."""
    begin = re.compile(rf'<!-- output {lab} {scene}(?: --[\w=.-]+)* -->$')
    lines = iter(chapter.read_text().splitlines())
    for line in lines:
        if begin.match(line.strip()):
            break
    else:
        raise Wrong(f'{chapter}: no recorded run of {scene}')
    found = []
    for line in lines:
        if line.strip() == '<!-- end output -->':
            return found[2:-1]  # less the fence and the command, less the fence
        found.append(line)
    raise Wrong(f'{chapter}: the run of {scene} has no end')


def concluded(chapter, lab, scene):
    return [line for line in recorded(chapter, lab, scene)
            if line.startswith(('=> ', '!! '))]


def anchor(heading):
    """What GitHub and pandoc make of a heading: the name to link to."""
    return re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-')


def link(page, chapter, scene):
    """To the scene's heading, or else to the whole chapter."""
    target = os.path.relpath(chapter, page.parent)
    for line in chapter.read_text().splitlines():
        if line.startswith(f'### {scene}:') or line == f'### {scene}':
            target += f'#{anchor(line[4:])}'
            break
    return f'[{scene}]({target})'


def questions(root, lab):
    """A sheet to print: each question, and a line to write on."""
    lines = []
    for number, (scene, question) in enumerate(listed(root, lab), 1):
        lines += ['', f'{number}. **{scene}**: {question}', '',
                  f'   {LINE_TO_WRITE_ON}']
    return lines[1:]


def answers(root, page, lab):
    """The same questions with what was concluded, behind a click."""
    chapter = chapter_of(root, lab)
    lines = ['<details>', f'<summary>Answers: {chapter.stem.split("-")[0]}</summary>']
    for number, (scene, question) in enumerate(listed(root, lab), 1):
        # A program that prints what its twin prints draws no conclusion alone.
        answer = concluded(chapter, lab, scene) or recorded(chapter, lab, scene)
        lines += ['', f'{number}. {link(page, chapter, scene)}: {question}', '',
                  '   ```text', *(f'   {line}' for line in answer), '   ```']
    return [*lines, '', '</details>']


def conclusion(root, page, lab, scene):
    """Where a scene stands, how to play it, and what it concluded."""
    chapter = chapter_of(root, lab)
    lines = concluded(chapter, lab, scene)
    if not lines:
        raise Wrong(f'{chapter}: the recorded run of {scene} concludes nothing')
    return [f'Scene {link(page, chapter, scene)}, `{lab} {scene}`:', '',
            '```text', *lines, '```']


def block(root, page, kind, what):
    lab, _, scene = what.partition(' ')
    if not re.fullmatch(r'build/lab\d+', lab) or bool(scene) != (kind == 'conclusion'):
        raise Wrong(f'a {kind} needs build/labN'
                    + (' and a scene' if kind == 'conclusion' else ', and no more'))
    if kind == 'questions':
        return questions(root, lab)
    if kind == 'answers':
        return answers(root, page, lab)
    return conclusion(root, page, lab, scene)
