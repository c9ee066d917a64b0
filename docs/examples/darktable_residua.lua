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

-- The paths of results stand in the last line that the program writes, as JSON.
local function unescaped(text)
  text = text:gsub("\\u(%x%x%x%x)", function(digits) return utf8.char(tonumber(digits, 16)) end)
  return (text:gsub("\\(.)", "%1"))
end

-- Why no result is there: the first reason that the program gives, or that it could not be started.
local function reason(last, code)
  local said = last:match('"error": "(.-[^\\])"') or last:match('"reason": "(.-[^\\])"')
  if said then return unescaped(said) end
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
  for source, output in last:gmatch('"source": "(.-)", "output": "(.-)"') do
    local result = darktable.database.import(unescaped(output))
    local image = by_path[unescaped(source)]
    if result and image then
      result:group_with(image)
      num_results = num_results + 1
    end
  end
  local message = ("Residua: %d restored"):format(num_results)
  if code ~= 0 then
    message = message .. "; " .. reason(last, code)
  elseif num_results == 0 then
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
