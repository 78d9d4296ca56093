#include "io/trace_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

using Json = nlohmann::json;
using test::error_of;
using test::read_bytes;

TEST(TraceFile, HoldsChromesEvents) {
  Trace trace;
  trace.add({.name = "forward", .kind = Trace::Kind::op, .begin = 1'234'567, .duration = 89, .number = 3});
  trace.add({.name = "step", .track = Trace::Track::device, .begin = 5'000, .duration = 0});
  const Json json = Json::parse(trace_json(trace));
  EXPECT_EQ(json["displayTimeUnit"], "ms");
  EXPECT_EQ(json["otherData"], Json({{"program", "plait"}, {"spans_left_out", 0}}));
  const Json& events = json["traceEvents"];
  ASSERT_EQ(events.size(), 7u) << "five names, two spans";
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) names.push_back(events[static_cast<std::size_t>(i)]["args"]["name"]);
  EXPECT_EQ(names, (std::vector<std::string>{"plait", "host", "loading thread", "device", "other ranks"}));
  EXPECT_EQ(events[5], Json({{"ph", "X"},
                             {"name", "forward"},
                             {"cat", "op"},
                             {"pid", 1},
                             {"tid", 1},
                             {"ts", 1234.567},
                             {"dur", 0.089},
                             {"args", {{"number", 3}}}}));
  EXPECT_EQ(events[6],
            Json({{"ph", "X"}, {"name", "step"}, {"cat", "phase"}, {"pid", 1}, {"tid", 3}, {"ts", 5.0}, {"dur", 0.0}}));
}

TEST(TraceFile, IsNothingWithoutAName) {
  TraceFile file("");
  EXPECT_EQ(file.trace(), nullptr);
  file.write();
}

TEST(TraceFile, IsForItsOwnerAloneAndReplacesTraces) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "trace.json";
  const mode_t before = umask(0);
  for (int spans = 1; spans < 3; ++spans) {
    TraceFile file(path);
    for (int i = 0; i < spans; ++i) const Phase phase(file.trace(), "phase");
    file.write();
    EXPECT_EQ(Json::parse(read_bytes(path))["traceEvents"].size(), 5u + static_cast<std::size_t>(spans));
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
  }
  umask(before);
}

TEST(TraceFile, ACommandThatFailsLeavesWhatItDid) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "trace.json";
  try {
    TraceFile file(path);
    const Phase phase(file.trace(), "phase");
    throw 1;
  } catch (int) {
  }
  EXPECT_EQ(Json::parse(read_bytes(path))["traceEvents"][5]["name"], "phase");
}

TEST(TraceFile, RefusesAtOnceWhatItCannotWrite) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "labels.csv", "patient_id,label\n");
  test::write_bytes(folder / "empty", "");
  for (const char* name : {"labels.csv", "empty"}) {
    const test::Thrown thrown = error_of([&] { TraceFile(folder / name); });
    EXPECT_EQ(thrown.code, ExitCode::usage) << name;
    EXPECT_TRUE(thrown.says("exists and is no trace of plait")) << thrown.message;
  }
  EXPECT_EQ(read_bytes(folder / "labels.csv"), "patient_id,label\n");
  EXPECT_EQ(error_of([&] { TraceFile(folder / "no/folder.json"); }).code, ExitCode::storage);
  EXPECT_EQ(error_of([&] { TraceFile(folder.path()); }).code, ExitCode::storage);
}

}  // namespace
}  // namespace plait
