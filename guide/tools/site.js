// site.js - light or dark, the search, and small comforts. The pages read as well
// without it.
'use strict';

const root = document.documentElement;
const up = document.currentScript.dataset.up; // from this page to the site's root

// --- light or dark: as the system is set, until the reader chooses -------------

function remembered() {
	try {
		return localStorage.getItem('scheme');
	} catch {
		return null; // a browser that keeps nothing for pages from files
	}
}

function isDark() {
	return root.dataset.scheme
		? root.dataset.scheme === 'dark'
		: matchMedia('(prefers-color-scheme: dark)').matches;
}

if (remembered())
	root.dataset.scheme = remembered(); // now, before anything is painted

function offerScheme(button) {
	const label = () => {
		button.textContent = isDark() ? 'Light' : 'Dark';
		button.setAttribute('aria-label', `${button.textContent} colours`);
	};

	button.hidden = false;
	label();
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', label);
	button.addEventListener('click', () => {
		root.dataset.scheme = isDark() ? 'light' : 'dark';
		label();
		try {
			localStorage.setItem('scheme', root.dataset.scheme);
		} catch { /* then it holds for this page */ }
	});
}

// --- search: every word must be in a section, as it is written ------------------

// A script, since a page from a file may not fetch; and only for who searches.
function loadIndex() {
	loadIndex.done ??= new Promise((resolve) => {
		const script = document.createElement('script');

		script.src = up + 'search.js';
		script.onload = () => resolve(searchIndex);
		document.head.append(script);
	});
	return loadIndex.done;
}

function find(index, words) {
	const found = [];

	for (const [address, page, title, text] of index) {
		const head = title.toLowerCase(), body = text.toLowerCase();
		let score = 0;

		if (!words.every((word) => head.includes(word) || body.includes(word)))
			continue;
		for (const word of words) // twice in a short section is more than in a long
			score += head.includes(word) + head.split(/\W+/).includes(word) +
				(body.split(word).length - 1) / Math.sqrt(body.length + 1);
		found.push({ address, page, title, text, score });
	}
	return found.sort((a, b) => b.score - a.score);
}

// Matches any of the words, as one group.
function pattern(words) {
	const literal = words.map((word) => word.replace(/[^\w\s]/g, '\\$&'));

	return new RegExp(`(${literal.join('|')})`, 'gi');
}

// A text with the words in it marked.
function marked(text, words) {
	return text.split(pattern(words)).map((part, i) => {
		const mark = document.createElement('mark');

		mark.textContent = part;
		return i % 2 ? mark : part;
	});
}

function snippet(text, words) {
	const at = text.toLowerCase().indexOf(words.find((word) =>
		text.toLowerCase().includes(word)));
	const from = at < 60 ? 0 : Math.min(text.indexOf(' ', at - 60) + 1, at);

	return `${from ? '… ' : ''}${text.slice(from, from + 180)} …`;
}

function show(result, words) {
	const link = document.createElement('a');
	const item = document.createElement('li');
	const heading = document.createElement('strong');
	const page = document.createElement('span');
	const text = document.createElement('small');

	const [path, anchor] = result.address.split('#');

	link.href = `${up}${path}?find=${encodeURIComponent(words.join(' '))}#${anchor}`;
	heading.append(...marked(result.title, words));
	page.textContent = result.page === result.title ? '' : result.page;
	text.append(...marked(snippet(result.text, words), words));
	link.append(heading, page, text);
	item.append(link);
	return item;
}

function offerSearch(form) {
	const input = form.querySelector('input');
	const results = form.querySelector('#results');
	const list = results.querySelector('ol');
	const links = () => [...list.querySelectorAll('a')];

	async function search() {
		const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
		const found = words.length ? find(await loadIndex(), words) : [];

		list.replaceChildren(...found.slice(0, 30).map((one) => show(one, words)));
		results.querySelector('[role=status]').textContent =
			found.length === 1 ? '1 section' : `${found.length} sections`;
		results.hidden = !words.length;
	}

	function close() {
		results.hidden = true;
		input.value = '';
	}

	form.hidden = false;
	input.addEventListener('focus', loadIndex);
	input.addEventListener('input', search);
	list.addEventListener('click', close); // the hit may be on this page
	form.addEventListener('submit', async (event) => {
		event.preventDefault();
		await search();
		links()[0]?.click();
	});
	form.addEventListener('keydown', (event) => {
		const all = [input, ...links()];
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];

		if (event.key === 'Escape') {
			close();
			input.focus();
		} else if (step) {
			event.preventDefault();
			all[all.indexOf(document.activeElement) + step]?.focus();
		}
	});
	document.addEventListener('click', (event) => {
		if (!form.contains(event.target))
			results.hidden = true;
	});
	document.addEventListener('keydown', (event) => {
		if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey ||
		    event.target.closest('input'))
			return;
		event.preventDefault();
		input.focus();
	});
}

// Who comes from the search finds the words marked, and the first one on the screen.
function markFound(main) {
	const words = new URLSearchParams(location.search).get('find')?.split(' ');
	const section = document.getElementById(location.hash.slice(1));
	const texts = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
	const found = [];

	if (!words || !section || !CSS.highlights)
		return;
	while (texts.nextNode()) {
		const node = texts.currentNode;

		if (section.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING)
			for (const match of node.data.matchAll(pattern(words))) {
				const range = new Range();

				range.setStart(node, match.index);
				range.setEnd(node, match.index + match[0].length);
				found.push(range);
			}
	}
	CSS.highlights.set('found', new Highlight(...found));
	if (found[0]?.getBoundingClientRect().top > innerHeight - 60)
		found[0].startContainer.parentElement.scrollIntoView({ block: 'center' });
}

// --- comforts ---------------------------------------------------------------------

function offerCopy(caption) {
	const button = document.createElement('button');
	const command = caption.querySelector('code');

	button.type = 'button';
	button.className = 'copy';
	button.textContent = 'Copy';
	button.setAttribute('aria-label', `Copy: ${command.textContent}`);
	button.addEventListener('click', async () => {
		try {
			await navigator.clipboard.writeText(command.textContent);
			button.textContent = 'Copied';
			setTimeout(() => { button.textContent = 'Copy'; }, 1500);
		} catch {
			getSelection().selectAllChildren(command); // Ctrl-C does the rest
		}
	});
	caption.append(button);
}

// Marks the section being read in the side bar.
function followReading(nav) {
	const links = [...nav.querySelectorAll('.sections a')];
	const targets = links.map((link) =>
		document.getElementById(decodeURIComponent(link.hash.slice(1))));
	let current;

	function follow() {
		const next = links[targets.findLastIndex((target) =>
			target.getBoundingClientRect().top < 120)];

		if (next === current)
			return;
		current?.removeAttribute('aria-current');
		next?.setAttribute('aria-current', 'true');
		next?.scrollIntoView({ block: 'nearest' });
		current = next;
	}
	addEventListener('scroll', () => requestAnimationFrame(follow), { passive: true });
	follow();
}

document.addEventListener('DOMContentLoaded', () => {
	const nav = document.querySelector('#menu');

	offerScheme(document.querySelector('.scheme'));
	offerSearch(document.querySelector('.search'));
	document.querySelectorAll('.output figcaption').forEach(offerCopy);
	nav.addEventListener('click', (event) => {
		if (event.target.closest('a') && nav.matches(':popover-open'))
			nav.hidePopover();
	});
	followReading(nav);
	addEventListener('load', () => markFound(document.querySelector('main')));
});

// Paper cannot be unfolded.
addEventListener('beforeprint', () => {
	document.querySelectorAll('details').forEach((it) => { it.open = true; });
});
