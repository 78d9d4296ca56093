// A cohort in which every id, number, category and class is found again by a search for its text: none is part of
// another one, or of anything that a program prints of its own accord.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "tests/support/cohort_folder.h"

namespace plait::test {

struct CanaryCohort : CohortFolder {
  std::vector<std::string> ids, numbers, categories, classes, groups;

  // task: binary, multiclass, multilabel or regression. 48 patients; two of each modality's rows name somebody without
  // a label.
  explicit CanaryCohort(const std::string& task) : CohortFolder(sections(task)) {
    const bool several = task == "multilabel";
    std::string labels = several ? "patient_id,outcome,relapse,group\n" : "patient_id,outcome,group\n",
                ehr = "patient_id,age,sex,ward,pressure\n", genes = "patient_id,G1,G2,G3\n";
    categories = {"canarycategory-f", "canarycategory-m", "canarycategory-w1", "canarycategory-w2"};
    if (task == "binary") classes = {"canaryclass-well", "canaryclass-ill"};
    if (task == "multiclass") classes = {"canaryclass-well", "canaryclass-ill", "canaryclass-dead"};
    for (int i = 0; i < 50; ++i) {
      ids.push_back("canaryid-" + std::to_string(4137 + 61 * i));
      groups.push_back("canarygroup-" + std::to_string(2003 + 17 * i));
      const auto k = static_cast<std::size_t>(i);
      if (i < 48) {  // patient 40 has no target
        const std::string target = several           ? std::to_string(i % 2) + "," + std::to_string(i / 2 % 2)
                                   : classes.empty() ? number(40.0 + i)
                                                     : classes[k % classes.size()];
        labels += ids[k] + "," + (i != 40 ? target : several ? "," : "") + "," + groups[k] + "\n";
      }
      if (i % 5 != 4)
        ehr += ids[k] + "," + number(20 + i) + "," + categories[k % 2] + "," + categories[2 + k / 2 % 2] + "," +
               (i % 7 == 0 ? "" : number(100 + i)) + "\n";
      if (i % 6 != 5) genes += ids[k] + "," + number(3 + i % 4) + "," + number(i % 3) + "," + number(i % 7) + "\n";
      if (i % 4 != 3)
        image("images/" + ids[k] + ".png", 6, 6, 1, std::vector<std::uint8_t>(36, static_cast<std::uint8_t>(5 * i)));
    }
    write("labels.csv", labels).write("ehr.csv", ehr).write("genes.csv", genes);
  }

  // The numbers as single precision, the form in which a program would have kept them.
  std::vector<std::string> number_bytes() const {
    std::vector<std::string> all;
    for (const std::string& text : numbers) {
      const float value = std::stof(text);
      all.emplace_back(sizeof value, '\0');
      std::memcpy(all.back().data(), &value, sizeof value);
    }
    return all;
  }

 private:
  static std::string sections(const std::string& task) {
    return "[task]\nkind = \"" + task + "\"\nfile = \"labels.csv\"\ntarget = " +
           (task == "multilabel" ? "[\"outcome\", \"relapse\"]" : "\"outcome\"") +
           "\n[modality.ehr]\nkind = \"table\"\nfile = \"ehr.csv\"\n" + std::string(expression_table) +
           std::string(image_files);
  }

  // whole, and six digits that no other number has
  std::string number(double whole) {
    const int digits = 100'003 + 617 * static_cast<int>(numbers.size());
    numbers.push_back(std::to_string(static_cast<int>(whole)) + "." + std::to_string(digits % 1'000'000));
    return numbers.back();
  }
};

}  // namespace plait::test
