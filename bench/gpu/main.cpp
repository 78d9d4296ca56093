// The GPU's benchmark. One JSON line a row, written and flushed as it is measured.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <regex>
#include <string>
#include <vector>

#include "bench/gpu/memory.h"
#include "bench/gpu/run.h"

namespace plait::bench {
namespace {

constexpr const char* usage = R"(plait_gpu_bench: kernels of plait beside cuBLASLt, cuDNN and CUB.
  --out FILE        append rows to FILE (JSON lines); ceilings are read from it
  --section NAME    only this section (may be repeated): ceilings gemm dense conv2d fusion losses optimizer pooling
                    reductions rows sorting
  --filter REGEX    only cases whose name matches
  --deadline S      seconds for a section; cases that would begin later are skipped
  --repeat N        no timing: N more calls must give the bits of the first
  --small           small shapes: a look at correctness
  --list            the names of the cases
  --dry-run         every case is skipped
  --serve           for compare_pytorch.py: a line "NAME TURNS" on standard input is answered by a line with the times
Without a GPU every case is skipped and the exit status is 0. Exit status 1: a case was INVALID or failed.
)";

struct Options {
  std::string out, filter = ".";
  std::vector<std::string> sections;
  double deadline = 1e9;
  int repeats = 0;
  bool small = false, list = false, dry_run = false, serve = false;
};

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 < argc) return argv[++i];
      std::fprintf(stderr, "plait_gpu_bench: %s needs a value\n", flag.c_str());
      std::exit(2);
    };
    if (flag == "--out") {
      o.out = value();
    } else if (flag == "--section") {
      o.sections.push_back(value());
    } else if (flag == "--filter") {
      o.filter = value();
    } else if (flag == "--deadline") {
      o.deadline = std::atof(value().c_str());
    } else if (flag == "--repeat") {
      o.repeats = std::atoi(value().c_str());
    } else if (flag == "--small") {
      o.small = true;
    } else if (flag == "--list") {
      o.list = true;
    } else if (flag == "--dry-run") {
      o.dry_run = true;
    } else if (flag == "--serve") {
      o.serve = true;
    } else {
      std::fputs(usage, flag == "--help" || flag == "-h" ? stdout : stderr);
      std::exit(flag == "--help" || flag == "-h" ? 0 : 2);
    }
  }
  return o;
}

Cases all_cases(bool small) {
  Cases cases;
  add_ceilings(cases, small);
  add_gemm(cases, small);
  add_dense(cases, small);
  add_conv2d(cases, small);
  add_fusion(cases, small);
  add_losses(cases, small);
  add_optimizer(cases, small);
  add_pooling(cases, small);
  add_reductions(cases, small);
  add_rows(cases, small);
  add_sorting(cases, small);
  return cases;
}

Cases chosen(const Options& o) {
  Cases cases;
  const std::regex filter(o.filter);
  for (Case& c : all_cases(o.small)) {
    bool wanted = o.sections.empty();
    for (const std::string& section : o.sections) wanted = wanted || section == c.section;
    if (wanted && std::regex_search(c.name(), filter)) cases.push_back(std::move(c));
  }
  return cases;
}

// Our side of a comparison with PyTorch: prepared once, then turns on request.
int serve(const Cases& cases) {
  std::string name, prepared;
  int turns = 0;
  cudaStream_t stream = gpu::create_stream();
  Trial trial;
  std::vector<std::unique_ptr<Turn>> turn;
  while (std::cin >> name >> turns) {
    JsonLine answer;
    answer.text("name", name);
    try {
      if (name != prepared) {
        prepared.clear();
        turn.clear();
        trial = {};
        for (const Case& c : cases)
          if (c.name() == name) {
            trial = c.prepare(stream);
            double error = 0;
            if (const std::string wrong = fault(c, trial, error, stream); !wrong.empty())
              throw std::runtime_error("INVALID: " + wrong);
            turn.push_back(std::make_unique<Turn>(trial, trial.ours, Patience{}, stream));
          }
        prepared = name;
      }
      std::vector<double> times;
      for (int i = 0; i < turns && !turn.empty(); ++i) times.push_back(turn[0]->microseconds());
      if (turn.empty()) answer.text("status", "unknown name");
      answer.number("us", times.empty() ? NAN : summarise(times).median);
    } catch (const std::exception& failure) {
      answer.text("status", failure.what());
    }
    std::printf("%s\n", answer.str().c_str());
    std::fflush(stdout);
  }
  return 0;
}

int run(const Options& o) {
  const Cases cases = chosen(o);
  if (cases.empty()) {
    std::fprintf(stderr, "plait_gpu_bench: no case has such a name or section\n");
    return 2;
  }
  if (o.list) {
    for (const Case& c : cases) std::printf("%-10s %-3s %s\n", c.section.c_str(), c.goal.c_str(), c.name().c_str());
    return 0;
  }
  std::string reason = o.dry_run ? "dry run" : "";
  const auto devices = gpu::devices();
  if (devices.empty() && reason.empty()) reason = gpu::why_none();
  if (o.serve) {
    if (reason.empty()) return serve(cases);
    std::fprintf(stderr, "plait_gpu_bench: %s\n", reason.c_str());
    return 5;
  }
  if (reason.empty()) std::printf("%s, %d multiprocessors\n", devices[0].name.c_str(), devices[0].multiprocessors);

  std::ofstream file;
  if (!o.out.empty()) file.open(o.out, std::ios::app);
  if (!o.out.empty() && !file) {
    std::fprintf(stderr, "plait_gpu_bench: cannot write %s\n", o.out.c_str());
    return 2;
  }
  Patience patience;
  if (o.small) patience = {.seconds = 0, .least_rounds = 1, .most_rounds = 1, .turn_microseconds = 1};
  int bad = 0, counted = 0;
  std::string section;
  auto begin = std::chrono::steady_clock::now();
  for (const Case& c : cases) {
    if (c.section != section) {
      section = c.section;
      begin = std::chrono::steady_clock::now();
    }
    const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (reason.empty() && passed > o.deadline) {
      const Row row = skipped(c, "the section's deadline has passed");
      std::printf("%s\n", row.brief.c_str());
      if (file) file << row.line << std::endl;
      continue;
    }
    const Row row = reason.empty() ? run_case(c, patience, Ceilings::read(o.out), o.repeats) : skipped(c, reason);
    std::printf("%s\n", row.brief.c_str());
    std::fflush(stdout);
    if (file) file << row.line << std::endl;
    if (row.status == "ok") ++counted;
    if (row.status == "INVALID" || row.status == "failed") ++bad;
    if (row.status == "failed" && !device_is_alive()) reason = "the device answers no more since " + c.name();
  }
  std::printf("%d ok, %d INVALID or failed, of %zu cases%s%s\n", counted, bad, cases.size(),
              reason.empty() ? "" : "; SKIPPED: ", reason.c_str());
  return bad == 0 ? 0 : 1;
}

}  // namespace
}  // namespace plait::bench

int main(int argc, char** argv) {
  try {
    return plait::bench::run(plait::bench::parse(argc, argv));
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "plait_gpu_bench: %s\n", failure.what());
    return 1;
  }
}
