-- Asks for the lines of a file in turn, each time as another browser from another address.
local paths, agents, n = {}, {}, 0
for line in io.lines(os.getenv("BENCH_PATHS")) do paths[#paths + 1] = line end
for line in io.lines(os.getenv("BENCH_AGENTS")) do agents[#agents + 1] = line end
request = function()
  n = n + 1
  return wrk.format("GET", paths[n % #paths + 1], {
    ["Host"] = "go.example",
    ["User-Agent"] = agents[n % #agents + 1],
    ["Accept-Language"] = "de-DE,de;q=0.9",
    ["X-Forwarded-For"] = "2.160." .. (n % 7) .. "." .. (n % 251),
  })
end
-- A pause before each request of a connection, of so many milliseconds in the middle: by chance, or
-- all connections would come together.
local pause = tonumber(os.getenv("BENCH_PAUSE_MS") or "0")
if pause > 0 then
  delay = function() return math.random(0, 2 * pause) end
end
