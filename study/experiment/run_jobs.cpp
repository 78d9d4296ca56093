#include "study/experiment/run_jobs.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "engine/error.h"
#include "io/atomic_file.h"
#include "io/text_file.h"
#include "kernels/cpu/parallel.h"
#include "study/experiment/job.h"
#include "study/experiment/workers.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPlan = "plan.txt";

void make_folder(const fs::path& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) fail_storage(path.string() + ": cannot be made: " + failed.message() + "; choose another --out");
  fs::permissions(path, fs::perms::owner_all, failed);
  if (failed) fail_storage(path.string() + ": permissions cannot be set: " + failed.message());
}

// What a job costs, in no unit: to say how long the rest takes.
double cost(const StudyPlan& plan, const StudyJob& job) {
  const double images = plan.model(job).config.preprocess.unread.empty() ? 1.0 : 0.4;
  return images * static_cast<double>(plan.cohorts[job.cohort].folds[job.fold].train.size());
}

}  // namespace

StudyFolder::StudyFolder(const StudyPlan& plan) : path_(plan.options.out) {
  if (path_.empty()) fail_usage("the output folder has no name; give one with --out");
  std::error_code ignored;
  if (fs::exists(path_, ignored) && !fs::is_directory(path_, ignored))
    fail_usage(path_.string() + " is no folder; choose another --out");
  const bool fresh = !fs::exists(path_, ignored) || fs::is_empty(path_, ignored);
  if (!fresh && !fs::exists(path_ / kPlan, ignored))
    fail_usage(path_.string() + " holds something that is no study; choose another --out");
  make_folder(path_);
  make_folder(path_ / "jobs");
  lock_ = open((path_ / "jobs").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0 || flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    if (lock_ >= 0) close(lock_);
    if (why == EWOULDBLOCK)
      fail_usage(path_.string() + " is being written by another plait; wait, or choose another --out");
    fail_storage(path_.string() + ": cannot be locked: " + std::strerror(why));
  }
  try {
    const std::string fingerprint = plan_fingerprint(plan);
    if (fresh)
      write_text_file(path_ / kPlan, fingerprint);
    else if (read_text_file(path_ / kPlan, std::size_t{1} << 28, ExitCode::storage) != fingerprint)
      fail_usage(path_.string() +
                 " holds a study of other cohorts, models or settings; choose another --out or remove it");
  } catch (...) {
    close(lock_);
    throw;
  }
}

StudyFolder::~StudyFolder() {
  close(lock_);
}

bool run_jobs(const StudyPlan& plan, const StudyFolder& folder, const RunJobsOptions& options) {
  std::vector<std::size_t> left;
  std::error_code ignored;
  for (std::size_t i = 0; i < plan.jobs.size(); ++i)
    if (!fs::is_regular_file(folder.job(plan.job_file(plan.jobs[i])), ignored)) left.push_back(i);

  JobProgress progress{.done = plan.jobs.size() - left.size(), .all = plan.jobs.size(), .name = {}, .seconds_left = -1};
  if (options.progress) options.progress(progress);
  const auto start = std::chrono::steady_clock::now();
  double todo = 0.0, done = 0.0;
  for (const std::size_t i : left) todo += cost(plan, plan.jobs[i]);

  const auto work = [&](std::size_t i) {
    cpu::set_thread_count(1);
    const JobResult result = run_job(plan, plan.jobs[i]);
    write_text_file(folder.job(plan.job_file(plan.jobs[i])), job_to_json(result).dump() + "\n");
  };
  const auto ended = [&](std::size_t i) {
    done += cost(plan, plan.jobs[i]), todo -= cost(plan, plan.jobs[i]);
    ++progress.done;
    progress.name = plan.job_name(plan.jobs[i]);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    progress.seconds_left = seconds * std::max(todo, 0.0) / done;
    if (options.progress) options.progress(progress);
  };
  return run_workers(left, options.at_once, work, [&](std::size_t i) { return plan.job_name(plan.jobs[i]); },
                     {.done = ended, .stop = options.stop});
}

}  // namespace plait
