// A model that Python holds, and its adapters.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "boft/model/model.h"
#include "nn/models/image_classifier.h"

namespace papilio::python {

// A classifier with its classes' names; on the heap: adapters hold pointers into it.
struct Classifier {
  std::unique_ptr<nn::ImageClassifier> model;
  std::vector<std::string> class_names, warnings;
};

// Adapters by name on a classifier, which Python keeps alive.
struct Adapters {
  Classifier* classifier;
  std::unique_ptr<boft::AdapterModel> model;
};

}  // namespace papilio::python
