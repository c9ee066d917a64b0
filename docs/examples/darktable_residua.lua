--[[
Restores the selected photos with Residua and groups each result with its photo.

Copy this file into darktable's Lua folder (Linux: ~/.config/darktable/lua), and add to the file "luarc" beside that folder:

    require "darktable_residua"

In the preferences a shortcut can be given to "restore with Residua" (shortcuts, lua scripts). RESIDUA names the program where it is
not on the search path; what stands behind "restore" may be any options of the command line.
]]

local darktable = require "darktable"

local program = os.getenv("RESIDUA") or "residua"
local options = "restore starter --beside --json"
-- Whoever selects a closed group selects its results too: they are not restored again.
local without_results = "--no-files-are-chosen"

local function quoted(path)
  return "'" .. path:gsub("'", "'\\''") .. "'"
end

local ESCAPED = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- The letter of a JSON string's "\u" at a place, and the place after it.
local function letter_at(text, place)
  local unit = tonumber(text:sub(place + 2, place + 5), 16)
  local second = tonumber(text:match("^\\u(%x%x%x%x)", place + 6) or "", 16)
  if unit >= 0xD800 and unit < 0xDC00 and second and second >= 0xDC00 and second < 0xE000 then
    return utf8.char(0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00)), place + 12
  end
  -- A byte of a name that is no UTF-8, as Python tells it.
  if unit >= 0xDC80 and unit < 0xDD00 then return string.char(unit - 0xDC00), place + 6 end
  return utf8.char(unit), place + 6
end

-- The JSON string whose quote opens at a place, and the place after it.
local function string_at(text, place)
  local parts = {}
  place = place + 1
  while true do
    local stop = text:find('["\\]', place)
    parts[#parts + 1] = text:sub(place, stop - 1)
    if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    local kind = text:sub(stop + 1, stop + 1)
    if kind == "u" then
      parts[#parts + 1], place = letter_at(text, stop)
    else
      parts[#parts + 1], place = ESCAPED[kind] or kind, stop + 2
    end
  end
end

-- The first string of a name at or after a place, and the place after it; nil where there is none.
local function value_of(text, name, place)
  local _, quote = text:find('"' .. name .. '": "', place, true)
  if quote then return string_at(text, quote) end
end

-- Why no result is there: the first reason that the program gives, or that it could not be started.
local function reason(last, code)
  local said = value_of(last, "error", 1) or value_of(last, "reason", 1)
  if said then return said end
  -- Darktable gives the status of the shell's process as the system does: the exit code stands in its second byte.
  if code == 127 or code == 127 * 256 then
    return program .. " is not there; the environment variable RESIDUA names it"
  end
  return "the program ended with " .. tostring(code)
end

local function restore(images)
  if #images == 0 then
    darktable.print("Residua: no photo is selected")
    return 0, 0
  end
  local by_path, command = {}, { quoted(program), options, without_results }
  for _, image in ipairs(images) do
    local path = image.path .. "/" .. image.filename
    by_path[path] = image
    command[#command + 1] = quoted(path)
  end
  local told = os.tmpname()
  -- It stands at the window's edge while the program runs, which may take minutes.
  local job = darktable.gui and darktable.gui.create_job("Residua restores photos")
  local code = darktable.control.execute(table.concat(command, " ") .. " > " .. quoted(told))
  if job then job.valid = false end
  local last = ""
  for line in io.lines(told) do last = line end
  os.remove(told)
  local num_results = 0
  -- The paths stand in the last line that the program writes, as JSON.
  local source, place = value_of(last, "source", 1)
  while source do
    -- What has failed has a reason there.
    local _, quote = last:find('^, "output": "', place)
    if quote then
      local output
      output, place = string_at(last, quote)
      local result, image = darktable.database.import(output), by_path[source]
      if result and image then
        result:group_with(image)
        num_results = num_results + 1
      end
    end
    source, place = value_of(last, "source", place)
  end
  local message = ("Residua: %d restored"):format(num_results)
  if code ~= 0 then
    message = message .. "; " .. reason(last, code)
  elseif num_results == 0 and last:find('"earlier_results": ["', 1, true) then
    message = message .. "; what is selected are results"
  end
  darktable.print(message)
  return num_results, code
end

if darktable.gui then
  darktable.register_event("residua", "shortcut", function()
    restore(darktable.gui.action_images)
  end, "restore with Residua")
end

return { restore = restore }
