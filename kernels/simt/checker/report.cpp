#include "kernels/simt/checker/report.h"

#include <unistd.h>

#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include "kernels/simt/options.h"

namespace plait::simt {
namespace {

constexpr std::size_t most_reports = 100;

struct Reports {
  std::mutex mutex;
  std::set<std::string> keys;
  std::vector<std::string> texts;
  std::string last;
};

Reports& reports() {
  static Reports all;
  return all;
}

}  // namespace

[[gnu::noinline]] void on_report(const char* text) {
  asm volatile("" ::"r"(text));
}

void add_report(const std::string& key, const std::string& text) {
  Reports& all = reports();
  const std::lock_guard lock(all.mutex);
  all.last = text;
  if (all.texts.size() >= most_reports || !all.keys.insert(key).second) return;
  all.texts.push_back(text);
  on_report(text.c_str());
}

std::string last_report() {
  Reports& all = reports();
  const std::lock_guard lock(all.mutex);
  return all.last;
}

std::vector<std::string> take_reports() {
  Reports& all = reports();
  const std::lock_guard lock(all.mutex);
  all.keys.clear();
  return std::exchange(all.texts, {});
}

void write_reports(int file) noexcept {
  Reports& all = reports();
  const std::unique_lock lock(all.mutex, std::try_to_lock);
  if (!lock) return;
  for (const std::string& text : all.texts)
    if (write(file, text.data(), text.size()) < 0 || write(file, "\n", 1) < 0) return;
}

std::string describe(const Location& where) {
  const char* slash = std::strrchr(where.file, '/');
  return std::string(slash == nullptr ? where.file : slash + 1) + ":" + std::to_string(where.line);
}

std::string ranges(const std::vector<unsigned>& ascending) {
  std::string text;
  for (std::size_t i = 0; i < ascending.size();) {
    std::size_t last = i;
    while (last + 1 < ascending.size() && ascending[last + 1] == ascending[last] + 1) ++last;
    text += (i == 0 ? "" : ", ") + std::to_string(ascending[i]);
    if (last > i) text += "-" + std::to_string(ascending[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace plait::simt
