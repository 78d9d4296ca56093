// Where the readers of a cohort put what is wrong with it: either the first problem is thrown, or problems are
// collected so that all of them can be shown at once.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"

namespace plait {

class ProblemLog {
 public:
  enum class Mode { throw_first, collect };

  struct Full {};  // thrown by add() when `most` problems are collected: give up

  explicit ProblemLog(Mode mode, std::size_t most = 100) : mode_(mode), most_(most) {}

  void add(const FilePosition& where, const std::string& message) {
    try {
      fail_data(where, message);
    } catch (const Error& error) {
      add(error);
    }
  }

  // A problem that came as an exception. Anything but bad data is thrown on.
  void add(const Error& error) {
    if (mode_ == Mode::throw_first || error.code() != ExitCode::data) throw error;
    // Without a labels file a table is read twice, first for its ids.
    if (std::find(problems_.begin(), problems_.end(), error.what()) != problems_.end()) return;
    problems_.push_back(error.what());
    if (problems_.size() >= most_) throw Full{};
  }

  // Nothing wrong, but worth telling where problems are collected.
  void note(std::string text) { notes_.push_back(std::move(text)); }
  const std::vector<std::string>& notes() const { return notes_; }

  // Said where the rest of a file could not be read.
  void stop_at(const std::string& file) {
    complete_ = false;
    add({file}, "the rest of the file was not read");
  }

  bool complete() const { return complete_; }
  bool collects() const { return mode_ == Mode::collect; }
  std::size_t count() const { return problems_.size(); }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  Mode mode_;
  std::size_t most_;
  std::vector<std::string> problems_, notes_;
  bool complete_ = true;
};

}  // namespace plait
