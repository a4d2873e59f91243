-- site.lua - what GitHub shows by itself, or not at all, and the site shows its
-- own way: alerts, captions for the blocks that refresh writes, Python beside C.

local function escape(text)
	return (text:gsub('[&<>"]', { ['&'] = '&amp;', ['<'] = '&lt;',
		['>'] = '&gt;', ['"'] = '&quot;' }))
end

local function html(text)
	return pandoc.RawBlock('html', text)
end

-- > [!NOTE]
function BlockQuote(quote)
	local first = quote.content[1]
	local sign = first and first.t == 'Para' and first.content[1]
	local kind = sign and sign.t == 'Str' and sign.text:match('^%[!(%u+)%]$')
	if not kind then
		return nil
	end
	first.content:remove(1)
	local title = kind:sub(1, 1) .. kind:sub(2):lower()
	return { html('<aside class="alert ' .. kind:lower() .. '"><p class="title">'
			.. title .. '</p>'),
		pandoc.Div(quote.content), html('</aside>') }
end

-- What a terminal shows: commands, and the lines that a lab shows in colour.
local function terminal(text)
	local lines = {}
	for line in (text .. '\n'):gmatch('(.-)\n') do
		line = escape(line)
		local kind = line:match('^%$ ') and 'command'
			or line:match('^Predict: ') and 'question'
			or line:match('^=&gt; ') and 'held'
			or line:match('^!! ') and 'failed'
		if kind then
			line = '<span class="' .. kind .. '">' .. line .. '</span>'
		end
		line = line:gsub('\xE2\x96[\x80-\x9F]', '<span class="span">%0</span>') -- █ ░
			:gsub('</span><span class="span">', '')
		lines[#lines + 1] = line
	end
	return html('<pre class="console"><code>' .. table.concat(lines, '\n')
		.. '</code></pre>')
end

function CodeBlock(block)
	if block.classes:includes('console') or block.classes:includes('text') then
		return terminal(block.text)
	end
end

-- A break after a hyphen would tear an option apart; what is long must break, though.
function Code(code)
	if #code.text <= 30 then
		code.classes:insert('short')
		return code
	end
end

-- The first and the last line of what a block of refresh becomes.
local caption = {
	excerpt = function(what)
		local file, region = what:match('^([^#]*)#?(.*)$')
		return '<figure class="excerpt"><figcaption><a href="/' .. what .. '">'
			.. file .. '</a>' .. (region ~= '' and ' · ' .. region or '')
			.. '</figcaption>', '</figure>'
	end,
	output = function(what)
		local status, command = what:match('^exits%-(%d+): (.*)$')
		return '<figure class="output"><figcaption><code>'
			.. escape(command or what) .. '</code>'
			.. (status and ' <span>exit status ' .. status .. '</span>' or '')
			.. '</figcaption>', '</figure>'
	end,
	picture = function(what)
		return '<figure class="picture">', '<figcaption>drawn by <code>'
			.. escape(what) .. ' --svg</code></figcaption></figure>'
	end,
	conclusion = function()
		return '<div class="conclusion">', '</div>'
	end,
}

-- A block's contents come between its captions. An output's command stands in its
-- caption, and so not once more in its first line.
local function captioned(blocks)
	local result, last = pandoc.List(), nil
	for _, block in ipairs(blocks) do
		local comment = block.t == 'RawBlock' and block.text:match('^<!%-%- (.*) %-%->%s*$')
		local kind, what = (comment or ''):match('^(%l+) (.*)$')
		if not comment then
			if last and block.t == 'RawBlock' then
				block.text = block.text:gsub('<span class="command">.-</span>\n?', '', 1)
			end
			result:insert(block)
		elseif caption[kind] then
			local first
			first, last = caption[kind](what)
			result:insert(html(first))
		elseif kind == 'end' and last then
			result:insert(html(last))
			last = nil
		end
	end
	return result
end

-- <table> with blocks in its cells: columns, each with its own heading, which a
-- narrow screen shows one below the other. A Markdown table may be scrolled.
local function columns(blocks)
	local heads, next_head
	local function cell()
		next_head = next_head + 1
		return '<div><p class="title">' .. (heads[next_head] or '') .. '</p>'
	end
	for i, block in ipairs(blocks) do
		if block.t == 'Table' then
			blocks[i] = pandoc.Div({ block }, { class = 'table' })
		elseif block.t == 'RawBlock' and block.text:match('^<table>.*<tr><td>%s*$') then
			heads, next_head = {}, 0
			for head in block.text:gmatch('<th>(.-)</th>') do
				heads[#heads + 1] = head
			end
			block.text = '<div class="columns">' .. cell()
		elseif heads and block.t == 'RawBlock' then
			block.text = block.text:gsub('</td><td>', function()
				return '</div>' .. cell()
			end):gsub('</td></tr>%s*</table>', '</div></div>')
		end
	end
	return blocks
end

function Blocks(blocks)
	return columns(captioned(blocks))
end
