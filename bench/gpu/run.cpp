#include "bench/gpu/run.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "bench/gpu/memory.h"

namespace plait::bench {
namespace {

// The value of "key": in a line that JsonLine wrote.
double number_in(const std::string& line, const std::string& key) {
  const std::size_t at = line.find('"' + key + "\": ");
  return at == std::string::npos ? 0.0 : std::atof(line.c_str() + at + key.size() + 4);
}

JsonLine head(const Case& c, const std::string& status) {
  JsonLine line;
  line.text("section", c.section).text("id", c.goal).text("name", c.name());
  line.text("operation", c.operation).text("dtype", c.dtype).text("shape", c.shape).text("status", status);
  if (gpu::is_executor()) line.text("device", "executor");  // no measurement
  return line;
}

Row finish(const Case& c, JsonLine line, const std::string& status, const std::string& reason) {
  if (!reason.empty()) line.text("reason", reason);
  char brief[200];
  std::snprintf(brief, sizeof brief, "%-62s %-8s %s", c.name().c_str(), status.c_str(), reason.c_str());
  return {.status = status, .reason = reason, .line = line.str(), .brief = brief};
}

void prepare_outputs(const Trial& trial, cudaStream_t stream) {
  for (const Output& output : trial.outputs)
    if (!trial.restore) poison(output, stream);
  if (trial.restore) trial.restore();
}

std::string difference_between_calls(const Trial& trial, int repeats, cudaStream_t stream) {
  std::vector<std::uint64_t> first;
  for (int i = 0; i <= repeats; ++i) {
    prepare_outputs(trial, stream);
    trial.ours(0);
    std::vector<std::uint64_t> prints;
    for (const Output& output : trial.outputs) prints.push_back(fingerprint(output, stream));
    if (i == 0) first = prints;
    if (prints != first) return "call " + std::to_string(i + 1) + " gave other bits than the first";
  }
  return "";
}

Row timed(const Case& c, const Trial& trial, double error, const Patience& patience, const Ceilings& ceilings,
          cudaStream_t stream) {
  const Timing timing = time_trial(trial, patience, stream);
  JsonLine line = head(c, "ok");
  const double ours = timing.ours.median;
  double best_ratio = 0, fastest = ours;
  JsonLine theirs;
  std::string text;
  for (const RivalTimes& rival : timing.rivals) {
    JsonLine one;
    if (rival.times.median > 0) {
      one.number("us", rival.times.median).number("p10", rival.times.p10).number("p90", rival.times.p90);
      if (rival.ratio > 0) one.number("ratio", rival.ratio);
      if (best_ratio == 0 || rival.ratio < best_ratio) best_ratio = rival.ratio;
      if (fastest == 0 || rival.times.median < fastest) fastest = rival.times.median;
      char part[80];
      std::snprintf(part, sizeof part, "  %s %.2f", rival.name.c_str(),
                    rival.ratio > 0 ? rival.ratio : rival.times.median);
      text += part;
    }
    one.text("note", rival.note);
    theirs.object(rival.name, one);
  }
  line.number("ours_us", ours > 0 ? ours : NAN).number("p10", ours > 0 ? timing.ours.p10 : NAN);
  line.number("p90", ours > 0 ? timing.ours.p90 : NAN).object("theirs", theirs);
  line.number("ratio", best_ratio > 0 ? best_ratio : NAN).number("bytes", c.bytes).number("flops", c.flops);
  const double work = c.flops > 0 ? c.flops : c.bytes;
  if (work > 0) line.number("rate", work / fastest * 1e6);  // of the fastest contender: ceilings are read from it
  const auto roof = ceilings.flops.find(c.unit);
  const double flops_roof = roof == ceilings.flops.end() ? 0 : roof->second;
  const double least =
      1e6 * std::max(ceilings.bytes > 0 ? c.bytes / ceilings.bytes : 0.0, flops_roof > 0 ? c.flops / flops_roof : 0.0);
  const bool whole = ceilings.bytes > 0 && (c.unit == Unit::none || flops_roof > 0);
  line.number("share_of_ceiling", whole && ours > 0 && least > 0 ? least / ours : NAN);
  line.number("error", error).number("tolerance", c.tolerance);
  line.number("calls", timing.calls).number("rounds", timing.rounds).number("sets", trial.sets);
  char brief[300];
  if (gpu::is_executor())
    std::snprintf(brief, sizeof brief, "%-62s ok       error %.2g; a time of the executor says nothing",
                  c.name().c_str(), error);
  else
    std::snprintf(brief, sizeof brief, "%-62s %10.2f us [%.2f %.2f]  of ceiling %.2f%s", c.name().c_str(), ours,
                  timing.ours.p10, timing.ours.p90, whole && ours > 0 ? least / ours : NAN, text.c_str());
  return {.status = "ok", .reason = "", .line = line.str(), .brief = brief};
}

}  // namespace

std::string fault(const Case& c, const Trial& trial, double& error, cudaStream_t stream) {
  prepare_outputs(trial, stream);
  trial.ours(0);
  gpu::synchronize(stream);
  if (!trial.restore)
    for (const Output& output : trial.outputs)
      if (const auto count = count_poisoned(output, stream); count > 0)
        return std::to_string(count) + " of " + std::to_string(output.count) + " outputs were not written";
  error = trial.error ? trial.error() : 0.0;
  if (error <= c.tolerance) return "";
  char text[80];
  std::snprintf(text, sizeof text, "error %.3g, tolerance %.3g", error, c.tolerance);
  return text;
}

Ceilings Ceilings::read(const std::string& result_file) {
  Ceilings ceilings;
  std::ifstream file(result_file);
  for (std::string line; std::getline(file, line);) {
    const auto named = [&](const char* name) {
      return line.find(std::string("\"name\": \"") + name) != std::string::npos;
    };
    if (line.find("\"section\": \"ceilings\"") == std::string::npos) continue;
    const double rate = number_in(line, "rate");
    if (named("copy/")) ceilings.bytes = rate;
    if (named("product/bf16/")) ceilings.flops[Unit::bf16] = rate;
    if (named("product/tf32/")) ceilings.flops[Unit::tf32] = rate;
    if (named("product/fp32/")) ceilings.flops[Unit::fp32] = rate;
  }
  return ceilings;
}

Row skipped(const Case& c, const std::string& reason) {
  return finish(c, head(c, "skipped"), "skipped", reason);
}

Row run_case(const Case& c, const Patience& patience, const Ceilings& ceilings, int repeats) {
  cudaStream_t stream = nullptr;
  Row row;
  try {
    stream = gpu::create_stream();
    const Trial trial = c.prepare(stream);
    double error = trial.ours ? NAN : 0.0;
    std::string wrong = trial.ours ? fault(c, trial, error, stream) : "";
    if (!wrong.empty()) {
      row = finish(c, head(c, "INVALID").number("error", error).number("tolerance", c.tolerance), "INVALID", wrong);
    } else if (repeats > 0) {
      if (trial.ours) wrong = difference_between_calls(trial, repeats, stream);
      const std::string status = wrong.empty() ? "ok" : "INVALID";
      row = finish(c, head(c, status).number("same_bits_calls", repeats + 1).number("error", error), status,
                   wrong.empty() ? "the same bits in " + std::to_string(repeats + 1) + " calls" : wrong);
    } else {
      row = timed(c, trial, error, patience, ceilings, stream);
    }
    gpu::synchronize(stream);
  } catch (const gpu::Failure& failure) {
    const bool memory = failure.kind() == gpu::Failure::Kind::out_of_memory;
    const std::string status = memory ? "skipped" : "failed";
    row = finish(c, head(c, status), status, failure.what());
  } catch (const std::exception& failure) {
    row = finish(c, head(c, "failed"), "failed", failure.what());
  }
  gpu::destroy(stream);
  return row;
}

}  // namespace plait::bench
