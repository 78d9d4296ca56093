// Runs what is left of a study's jobs and keeps their results in <out>/jobs, each file whole or not there at all: a
// study that was killed goes on where it was.
#pragma once

#include <functional>

#include "study/experiment/plan.h"

namespace plait {

// Takes the study's folder: made where it is not there, its owner's alone. Usage errors: a folder with something in it
// that is not this study (other cohorts, settings or models), and one that another process works on.
class StudyFolder {
 public:
  explicit StudyFolder(const StudyPlan& plan);
  ~StudyFolder();
  StudyFolder(const StudyFolder&) = delete;
  StudyFolder& operator=(const StudyFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path job(const std::string& file) const { return path_ / "jobs" / file; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

struct JobProgress {
  std::size_t done = 0, all = 0;
  std::string name;         // of the job that has just ended; empty at the start
  double seconds_left = 0;  // an estimate from the jobs of this process; < 0: not known yet
};

struct RunJobsOptions {
  std::size_t at_once = 1;
  std::function<void(const JobProgress&)> progress = {};
  std::function<bool()> stop = {};
};

// False: stopped. Errors of a job: workers.h.
bool run_jobs(const StudyPlan& plan, const StudyFolder& folder, const RunJobsOptions& options);

}  // namespace plait
