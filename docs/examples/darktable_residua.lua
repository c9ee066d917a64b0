--[[
Restores the selected photos with Residua and groups each result with its photo.

Copy this file into darktable's Lua folder (Linux: ~/.config/darktable/lua), and add to the file "luarc" beside that folder:

    require "darktable_residua"

In the preferences a shortcut can be given to "restore with Residua" (shortcuts, Lua). RESIDUA names the program where it is
not on the search path; what stands behind "restore" may be any options of the command line.
]]

local darktable = require "darktable"

local program = os.getenv("RESIDUA") or "residua"
local options = "restore starter --beside --json"

local function quoted(path)
  return "'" .. path:gsub("'", "'\\''") .. "'"
end

-- The paths of results stand in the last line that the program writes, as JSON.
local function unescaped(text)
  text = text:gsub("\\u(%x%x%x%x)", function(digits) return utf8.char(tonumber(digits, 16)) end)
  return (text:gsub("\\(.)", "%1"))
end

local function restore(images)
  local by_path, command = {}, { quoted(program), options }
  for _, image in ipairs(images) do
    local path = image.path .. "/" .. image.filename
    by_path[path] = image
    command[#command + 1] = quoted(path)
  end
  local told = os.tmpname()
  local code = darktable.control.execute(table.concat(command, " ") .. " > " .. quoted(told))
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
  darktable.print(("Residua: %d of %d photos restored"):format(num_results, #images))
  return num_results, code
end

if darktable.gui then
  darktable.register_event("residua", "shortcut", function()
    restore(darktable.gui.action_images)
  end, "restore with Residua")
end

return { restore = restore }
