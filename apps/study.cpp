#include <fmt/format.h>

#include <csignal>

#include "apps/command.h"
#include "apps/counted.h"
#include "apps/printable.h"
#include "apps/stop_signal.h"
#include "engine/error.h"
#include "io/atomic_file.h"
#include "io/progress.h"
#include "kernels/cpu/parallel.h"
#include "study/audit/leakage.h"
#include "study/experiment/results.h"
#include "study/report/report.h"

namespace plait {
namespace {

StudyOptions study_options(const StudyCommand& command) {
  StudyOptions options;
  options.cohorts = command.cohorts;
  options.out = command.out;
  if (!command.config.empty()) options.config = command.config;
  options.sets = command.sets;
  options.folds = command.folds;
  options.seed = command.seed;
  options.models = command.models;
  options.resamples = command.resamples;
  options.full = command.full;
  options.allow_leakage = command.allow_leakage;
  return options;
}

void print_plan(const StudyPlan& plan) {
  for (const StudyCohort& cohort : plan.cohorts)
    fmt::print("{}: {} with a target, modalities: {}; {} on {} each\n", printable(cohort.label),
               counted(std::ssize(labelled_patients(cohort.cohort)), "patient"), cohort.cohort.modalities.size(),
               counted(std::ssize(cohort.models), "model"), counted(std::ssize(cohort.folds), "fold"));
  std::fflush(stdout);
}

void print_progress(const JobProgress& progress) {
  if (progress.name.empty()) {
    if (progress.done > 0) fmt::print("going on: {} of {} jobs are done already\n", progress.done, progress.all);
  } else {
    fmt::print("{:>4}/{}  {}{}\n", progress.done, progress.all, printable(progress.name),
               progress.done < progress.all ? ", " + duration_text(progress.seconds_left) + " left" : "");
  }
  std::fflush(stdout);
}

// What the audit has found and --allow-leakage lets pass, cohort by cohort.
StudyJson audit(const StudyPlan& plan) {
  StudyJson json = StudyJson::array();
  for (const StudyCohort& cohort : plan.cohorts) {
    std::vector<AuditPart> folds;
    for (std::size_t k = 0; k < cohort.folds.size(); ++k)
      folds.push_back({fmt::format("fold {}", k + 1), cohort.folds[k].test});
    const std::vector<LeakageFinding> findings = audit_leakage(cohort.cohort, folds);
    require_no_leakage(cohort.cohort, findings, plan.options.allow_leakage);
    for (const LeakageFinding& finding : findings) {
      fmt::print("allowed: {}: {}\n", printable(cohort.label), printable(finding.what));
      json.push_back({{"cohort", cohort.label}, {"check", finding.check}, {"what", finding.what}});
    }
  }
  return json;
}

[[noreturn]] void fail_stopped(const StudyPlan& plan) {
  throw Error(stop_signal() == SIGINT ? ExitCode::interrupted : ExitCode::terminated,
              "stopped by a signal; the jobs that were done are kept in " + plan.options.out.string() +
                  ": go on with the same command line");
}

}  // namespace

int run_study(const StudyCommand& command) {
  cpu::set_thread_count(1);  // no pool of threads before the jobs' processes are forked
  const StudyPlan plan = plan_study(study_options(command));
  print_plan(plan);
  const StudyJson allowed = audit(plan);
  const StudyFolder folder(plan);
  watch_stop_signals(SecondSignal::ends);
  const std::size_t at_once =
      command.jobs > 0 ? static_cast<std::size_t>(command.jobs) : static_cast<std::size_t>(cpu::processor_count());
  const bool done = run_jobs(
      plan, folder, {.at_once = at_once, .progress = print_progress, .stop = [] { return stop_signal() != 0; }});
  if (!done) fail_stopped(plan);

  cpu::set_thread_count(static_cast<int>(at_once));
  const StudyJson results = study_results(plan, folder, allowed, [](const std::string& line) {
    fmt::print("{}\n", printable(line));
    std::fflush(stdout);
  });
  write_text_file(folder.path() / "results.json", results.dump(1) + "\n");
  write_report(results, folder.path());
  fmt::print("-> {}\n", (folder.path() / "report.html").string());
  return 0;
}

}  // namespace plait
