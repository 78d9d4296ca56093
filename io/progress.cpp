#include "io/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace plait {
namespace {

bool is_set(const char* variable) {
  const char* text = std::getenv(variable);
  return text != nullptr && *text != '\0';
}

bool is_terminal(std::FILE* out) {
  const char* kind = std::getenv("TERM");
  return isatty(fileno(out)) != 0 && kind != nullptr && std::string_view(kind) != "dumb";
}

int width_of(std::FILE* out) {
  winsize size{};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

double share_done(const ProgressState& state) {
  const double steps = static_cast<double>(std::max<std::int64_t>(state.steps, 1));
  const double done = static_cast<double>(state.epoch - 1) + static_cast<double>(state.step) / steps;
  return std::clamp(done / static_cast<double>(std::max<std::int64_t>(state.epochs, 1)), 0.0, 1.0);
}

std::string bar(double share, int cells) {
  const int done = static_cast<int>(share * cells);
  std::string text(static_cast<std::size_t>(done), '=');
  if (done < cells) text += '>';
  text.resize(static_cast<std::size_t>(cells), ' ');
  return text;
}

// Four decimals, or four digits where they would say nothing: errors have the target's unit, 1e-6 or 1e30.
std::string number_text(double value) {
  const double size = std::fabs(value);
  return size != 0.0 && (size < 1e-2 || size >= 1e4) ? fmt::format("{:.4g}", value) : fmt::format("{:.4f}", value);
}

// What stands behind the bar, and in a pipe behind the epoch.
std::string figures(const ProgressState& state) {
  std::string text = "loss " + number_text(state.loss);
  if (state.validation_loss) text += "  val_loss " + number_text(*state.validation_loss);
  if (!state.metric.empty() && state.value) text += "  " + state.metric + " " + number_text(*state.value);
  if (state.patients_per_s > 0.0) text += fmt::format("  {:.0f} patients/s", state.patients_per_s);
  if (state.eta_s && *state.eta_s >= 0.5) text += "  ETA " + duration_text(*state.eta_s);
  return text;
}

}  // namespace

std::string duration_text(double seconds) {
  if (!(seconds >= 0.0 && seconds < 1e9)) return "?";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string terminal_line(const ProgressState& state, int columns, bool color) {
  const std::string head = fmt::format("epoch {}/{} ", state.epoch, state.epochs);
  const std::string tail = fmt::format(" step {}/{}  ", state.step, state.steps) + figures(state);
  // A full line would make some terminals go to the next one.
  const int room = std::max(columns - 1, 0);
  const int cells = std::min(room - static_cast<int>(head.size() + tail.size()) - 2, 30);
  if (cells < 5) return (head + tail).substr(0, static_cast<std::size_t>(room));
  const double share = state.steps > 0 ? static_cast<double>(state.step) / static_cast<double>(state.steps) : 0.0;
  const std::string drawn = bar(std::clamp(share, 0.0, 1.0), cells);
  return head + '[' + (color ? "\x1b[32m" + drawn + "\x1b[0m" : drawn) + ']' + tail;
}

std::string plain_line(const ProgressState& state) {
  return fmt::format("epoch {}/{}  ", state.epoch, state.epochs) + figures(state);
}

Progress::Progress(std::FILE* out, bool launched)
    : out_(out), terminal_(!launched && is_terminal(out)), color_(terminal_ && !is_set("NO_COLOR")) {}

void Progress::step(const ProgressState& state) {
  show(state, false);
}

void Progress::epoch(const ProgressState& state) {
  show(state, true);
}

void Progress::show(ProgressState state, bool epoch_done) {
  const Clock::time_point now = Clock::now();
  const double share = share_done(state);
  if (!start_) {
    start_ = now;
    share_at_start_ = share;
  } else if (share > share_at_start_) {
    const std::chrono::duration<double> elapsed = now - *start_;
    state.eta_s = elapsed.count() * (1.0 - share) / (share - share_at_start_);
  }
  if (!terminal_) {
    if (epoch_done) std::fprintf(out_, "%s\n", plain_line(state).c_str());
    if (epoch_done) std::fflush(out_);
    return;
  }
  if (!epoch_done && shown_ && now - *shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  // Back to the margin, the new line, and away with what the old one had beyond it.
  std::fprintf(out_, "\r%s\x1b[K", terminal_line(state, width_of(out_), color_).c_str());
  std::fflush(out_);
  drawn_ = true;
}

void Progress::finish() {
  if (drawn_) std::fputc('\n', out_);
  if (drawn_) std::fflush(out_);
  drawn_ = false;
}

}  // namespace plait
