#include "apps/metrics_log.h"

#include "engine/error.h"

namespace plait {

MetricsLog::MetricsLog(std::filesystem::path path) : path_(std::move(path)) {
  open();
}

void MetricsLog::open() {
  file_ = std::ofstream(path_, std::ios::trunc);
  file_ << text_ << std::flush;
  if (!file_) fail_storage(path_.string() + ": cannot be written");
}

void MetricsLog::add(const std::string& line) {
  text_ += line + '\n';
  file_ << line << '\n' << std::flush;
  if (!file_) fail_storage(path_.string() + ": cannot be written");
}

void MetricsLog::restart(const std::string& text) {
  text_ = text;
  open();
}

}  // namespace plait
