-- What wrk sends: the lines of a file, each a method, a path, an If-None-Match and a body, with tabs between them.
-- One line is sent over and over; of several each is sent once. When they run out, or an answer is of the wrong
-- status, the run ends there and says so: a rate of refusals is no rate.

local requests, sent, answered = {}, 0, 0

local function give_up(sentence)
  io.stderr:write(sentence, "\n")
  os.exit(1)
end

function init(args)
  for line in io.lines(args[1]) do
    local method, path, tag, body = line:match("^(.-)\t(.-)\t(.-)\t(.*)$")
    local headers = {}
    if tag ~= "" then headers["If-None-Match"] = tag end
    if body == "" then body = nil else headers["Content-Type"] = "application/json" end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end

function request()
  if #requests == 1 then return requests[1] end
  sent = sent + 1
  return requests[sent] or give_up("the " .. #requests .. " requests ran out")
end

function response(status, _, body)
  answered = answered + 1
  if (status < 200 or status > 299) and status ~= 304 then
    give_up("answer " .. answered .. " has the status " .. status .. ": " .. body:sub(1, 200))
  end
end

function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  local form = '{"answered": %d, "seconds": %f, "p99": %f, "broken": %d}\n'
  io.write(form:format(summary.requests, summary.duration / 1e6, latency:percentile(99) / 1e6, broken))
end
