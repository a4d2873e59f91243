#!/usr/bin/env bats
# The guide as a site: what its tool makes of a chapter, and what finds dead links.
# tests/guide/browse opens the pages in a browser.

load ../helpers

# A small tree, its one chapter on stdin; the site of it.
render() {
	command -v pandoc >/dev/null || skip "needs pandoc: ./setup --dev"
	tree=$BATS_TEST_TMPDIR/tree site=$BATS_TEST_TMPDIR/site
	mkdir -p "$tree/guide/pictures" "$tree/labs/lab1-try"
	printf '%s\n' '// one' '/* region: two */' 'int two;' '/* endregion */' >"$tree/labs/lab1-try/lab1.c"
	printf '%s\n' '# The guide' '' '[a chapter](lab1-try.md#what-you-see)' >"$tree/guide/index.md"
	cat >"$tree/guide/pictures/run.svg" <<-'END'
		<svg role="img"><title>a run</title><style>
		.page { fill: #ffffff; }
		@media (prefers-color-scheme: dark) { .page { fill: #000000; } }
		</style><path id="head" marker-end="url(#head)" class="page"/></svg>
	END
	cat >"$tree/guide/lab1-try.md"
	run -0 guide/tools/site --root="$tree" --to="$site"
	assert_output "$site/index.html: 2 pages, ${1:-1} files"
	run -0 guide/tools/links "$site"
	run -0 cat "$site/lab1-try.html"
}

@test "an excerpt's caption leads to its first line in the file's own page" {
	render <<-'END'
		# Lab 1 · Try
		## What you see
		<!-- excerpt labs/lab1-try/lab1.c#two -->
		```c
		int two;
		```
		<!-- end excerpt -->
	END
	assert_line --partial '<figcaption><a href="code/labs/lab1-try/lab1.c.html#L-3">labs/lab1-try/lab1.c</a> · two</figcaption>'
	run -0 cat "$site/code/labs/lab1-try/lab1.c.html"
	assert_line --partial '<span id="L-3">'
	assert_line --partial 'Shown in <a href="../../../lab1-try.html">Lab 1 · Try</a>.'
	run -0 cat "$site/index.html"
	assert_line --partial '<a href="lab1-try.html#what-you-see">a chapter</a>'
}

@test "output has its command as a caption, and no more in its first line" {
	render 0 <<-'END'
		# Lab 1 · Try
		## What you see
		<!-- output exits-1: build/lab1 <x> -->
		```console
		$ build/lab1 <x>
		Predict: what?
		=> so
		██░
		```
		<!-- end output -->
	END
	assert_line --partial '<figcaption><code>build/lab1 &lt;x&gt;</code> <span>exit status 1</span></figcaption>'
	assert_line '<pre class="console"><code><span class="question">Predict: what?</span>'
	assert_line '<span class="held">=&gt; so</span>'
	assert_line '<span class="span">██░</span></code></pre>'
}

@test "alerts, Python beside C, a table and a picture" {
	render <<-'END'
		# Lab 1 · Try
		## What you see
		> [!TIP]
		> Look at [the code](../labs/lab1-try/lab1.c).

		<table>
		<tr><th>Python</th><th>C</th></tr>
		<tr><td>

		left

		</td><td>

		right

		</td></tr>
		</table>

		<!-- picture build/lab1 -->
		![a run](pictures/run.svg)
		<!-- end picture -->
	END
	assert_line '<aside class="alert tip"><p class="title">Tip</p>'
	assert_line --partial '<a href="code/labs/lab1-try/lab1.c.html">the code</a>'
	assert_line '<div class="columns"><div><p class="title">Python</p>'
	assert_line '</div><div><p class="title">C</p>'
	refute_line --partial '<td>'
	# It takes the page's colours, and its names cannot be those of another picture.
	assert_line '.page { fill: light-dark(#ffffff, #000000); }'
	assert_line --partial '<path id="run-head" marker-end="url(#run-head)"'
	assert_line --partial '<code>build/lab1 --svg</code>'
}

@test "every section is in the search, with its code, and quotes as one types them" {
	render 0 <<-'END'
		# Lab 1 · Try
		## What you see
		It's `EOWNERDEAD`.
		### By hand
		```c
		return "2";
		```
	END
	run -0 cat "$site/search.js"
	assert_line '["lab1-try.html#what-you-see", "Lab 1 · Try", "What you see", "It'"'"'s EOWNERDEAD."],'
	assert_line '["lab1-try.html#by-hand", "Lab 1 · Try", "By hand", "return \"2\";"]'
}

@test "without pandoc make guide says what to install" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	for tool in make sh env; do
		ln -s "$(command -v "$tool")" "$BATS_TEST_TMPDIR/bin/"
	done
	ln -s "$(python3 -c 'import sys; print(sys.executable)')" "$BATS_TEST_TMPDIR/bin/python3"
	PATH=$BATS_TEST_TMPDIR/bin run -2 make -s guide PKG_CONFIG=false BUILD="$BATS_TEST_TMPDIR"
	assert_line --partial "pandoc, which is missing: ./setup --dev installs it"
}

# A site of one page by hand, its text on stdin; the search knows #one.
page() {
	site=$BATS_TEST_TMPDIR/site
	mkdir -p "$site"
	cat >"$site/page.html"
	printf '%s\n' 'const searchIndex = [' '["page.html#one", "Page", "One", ""]' '];' >"$site/search.js"
}

@test "a dead link, a missing anchor, and what loads from outside are named" {
	page <<<'<h1 id="one">One</h1> <a href="#one">x</a> <a href="https://example.org/">x</a>'
	run -0 guide/tools/links "$site"
	assert_output "2 links in 1 pages, 0 wrong"
	page <<-'END'
		<h1 id="one">One</h1> <p id="one"></p>
		<a href="none.html">x</a> <a href="#two">x</a> <a href="../site.html">x</a>
		<img src="https://example.org/x.png"> <script src="//example.org/x.js"></script>
	END
	run -1 guide/tools/links "$site"
	assert_line "page.html: two anchors #one"
	assert_line "page.html: none.html: no such file"
	assert_line "page.html: #two: no such anchor"
	assert_line "page.html: ../site.html: leads out of the site"
	assert_line "page.html: <img> loads https://example.org/x.png from outside"
	assert_line "page.html: <script> loads //example.org/x.js from outside"
}

@test "a section that the search does not know is named, and one that is not there" {
	page <<<'<h1 id="other">Other</h1>'
	run -1 guide/tools/links "$site"
	assert_line "search.js: page.html#other is not in it"
	assert_line "search.js: page.html#one: no such anchor"
}
