-- wrk's script: sends the requests of a folder in turn, and writes what was measured to stderr as one line of JSON.
-- wrk … --script rotate.lua URL -- FOLDER COUNT; FOLDER holds whole requests as bytes, called 0, 1, … COUNT - 1.

local requests, count, turn = {}, 0, 0

function init(arguments)
  count = tonumber(arguments[2])
  for index = 0, count - 1 do
    local file = assert(io.open(arguments[1] .. "/" .. index, "rb"))
    requests[index] = file:read("*a")
    file:close()
  end
end

function request()
  turn = (turn + 1) % count
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "max_us": %d, '
      .. '"status": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout
  ))
end
