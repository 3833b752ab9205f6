-- SPDX-License-Identifier: BSD-3-Clause
-- What Lua programs do all day: small tables, strings, closures, and a collector behind them.

local state = 1
local function random(limit)
	state = (state * 16807) % 2147483647
	return state % limit
end

local function point(x, y)
	return { x = x, y = y, name = x .. "," .. y }
end

local live, sum = {}, 0
for step = 1, 250000 do
	live[random(20000) + 1] = point(random(1000), random(1000))
	if step % 8 == 0 then
		local each = live[random(20000) + 1]
		local add = function(n) return each and each.x + n or n end
		sum = (sum + add(step)) % 1000003
	end
end

local parts = {}
for i = 1, 100000 do
	parts[#parts + 1] = string.rep(string.char(97 + i % 26), i % 40)
end
print(sum, #table.concat(parts, ";"))
