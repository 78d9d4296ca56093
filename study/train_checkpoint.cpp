#include "study/train_checkpoint.h"

#include <fmt/format.h>

#include <charconv>

#include "engine/error.h"
#include "io/checkpoint.h"

namespace plait {
namespace {

constexpr const char* log_file = "metrics.jsonl";

// The numbers of a state by name, once: writing and reading walk the same list.
template <class State, class Integer, class Number>
void visit(State& s, const Integer& integer, const Number& number) {
  integer("epoch", s.epoch);
  integer("step", s.step);
  integer("best_epoch", s.best_epoch);
  number("best_loss", s.best_loss);
  number("learning_rate", s.learning_rate);
  integer("current.updates", s.current.updates);
  integer("current.batches", s.current.batches);
  integer("current.patients", s.current.patients);
  number("current.task", s.current.loss.task);
  number("current.align", s.current.loss.align);
  number("current.reconstruction", s.current.loss.reconstruction);
  number("current.l2", s.current.l2);
}

}  // namespace

std::map<std::string, std::string> state_to_text(const TrainState& state) {
  std::map<std::string, std::string> text;
  visit(
      state, [&](const char* name, std::int64_t value) { text[name] = fmt::format("{}", value); },
      [&](const char* name, double value) { text[name] = fmt::format("{:a}", value); });
  return text;
}

TrainState state_from_text(const std::map<std::string, std::string>& text, const std::string& where) {
  TrainState state;
  const auto find = [&](const char* name) -> const std::string& {
    const auto found = text.find(name);
    if (found == text.end()) fail_storage(where + ": \"" + name + "\" is missing");
    return found->second;
  };
  const auto refuse = [&](const char* name) { fail_storage(where + ": \"" + std::string(name) + "\" is no number"); };
  visit(
      state,
      [&](const char* name, std::int64_t& value) {
        const std::string& digits = find(name);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc{} || end != digits.data() + digits.size() || value < 0) refuse(name);
      },
      [&](const char* name, double& value) {
        const std::string& digits = find(name);
        char* end = nullptr;
        value = std::strtod(digits.c_str(), &end);
        if (digits.empty() || *end != '\0') refuse(name);
      });
  return state;
}

TrainCheckpoints::TrainCheckpoints(std::filesystem::path root, std::string identity, const ParameterStore& store,
                                   Trainer& trainer)
    : root_(std::move(root)), identity_(std::move(identity)), store_(store), trainer_(trainer) {
  check(store.dtype() == DType::f32, "[checkpoint] only f32 models are stored");
}

void TrainCheckpoints::save(const TrainState& state, const std::string& log) {
  CheckpointContent content{.tensors = {}, .values = state_to_text(state), .files = {{log_file, log}}};
  content.values["identity"] = identity_;
  for (const TrainBuffer& buffer : trainer_.buffers())
    for (int i = 0; i < store_.size(); ++i) {
      const Parameter& p = store_.parameter(i);
      content.tensors.push_back(
          {.name = buffer.name + "." + p.name,
           .type = SafeType::f32,
           .shape = p.shape.dims(),
           .data = static_cast<const std::byte*>(buffer.data) + static_cast<std::size_t>(p.offset) * sizeof(float),
           .row_stride = p.row_stride});
    }
  write_checkpoint(root_, state.step, content);
}

std::optional<TrainCheckpoints::Restored> TrainCheckpoints::restore(std::vector<std::string>& damaged) {
  const std::optional<Checkpoint> checkpoint = newest_checkpoint(root_, damaged);
  if (!checkpoint) return std::nullopt;
  const std::string where = root_.string() + ", step " + std::to_string(checkpoint->number);
  const auto identity = checkpoint->values.find("identity");
  if (identity == checkpoint->values.end() || identity->second != identity_)
    fail_usage(where +
               ": was made with another configuration, cohort or split; give the same ones as before, or "
               "remove the folder to start anew");
  for (const TrainBuffer& buffer : trainer_.buffers())
    for (int i = 0; i < store_.size(); ++i) {
      const Parameter& p = store_.parameter(i);
      const SafeTensor* tensor = checkpoint->state.find(buffer.name + "." + p.name);
      if (tensor == nullptr || tensor->shape != p.shape.dims())
        fail_storage(where + ": \"" + buffer.name + "." + p.name + "\" is missing or of another shape");
      copy_floats(*tensor, static_cast<float*>(buffer.data) + p.offset, p.row_stride);
    }
  const auto log = checkpoint->files.find(log_file);
  if (log == checkpoint->files.end()) fail_storage(where + ": has no log");
  return Restored{.state = state_from_text(checkpoint->values, where), .log = log->second};
}

}  // namespace plait
