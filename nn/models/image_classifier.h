// What every model that tells classes of images apart has: a backbone and a linear classifier.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nn/layers/linear.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// Told about the attention of one layer after the other: probabilities (B, heads, T, T).
using OnAttention = std::function<void(const Tensor& probabilities)>;

// A backbone and its head: images (B, C, H, W) -> logits (B, classes).
struct ImageClassifier : PretrainedModel {
  Linear classifier;
  bool new_head = false;  // the folder's weights held none: it was drawn

  // What the classifier sees: (B, C, H, W) -> (B, classifier's inputs).
  virtual Tensor features(const Tensor& images) = 0;
  // What they say: (B, classifier's inputs) -> logits (B, number of classes).
  virtual Tensor logits(const Tensor& features) { return classifier(features); }
  // (B, C, H, W) -> logits (B, number of classes)
  Tensor operator()(const Tensor& images) { return logits(features(images)); }
  // Goes through the backbone and hands every layer's attention to `f`, which need not keep it: of
  // many tokens one layer's is large. The forward pass itself never makes these matrices.
  virtual void attention(const Tensor& images, const OnAttention& f) = 0;
  // All of them, the first layer's first.
  std::vector<Tensor> attention_probabilities(const Tensor& images);

  // What it is and takes, in the words that every one of these models has.
  struct Shape {
    std::string model_type;  // as in config.json: "vit", "dinov2", ...
    int64_t image_size = 0, num_channels = 0, patch_size = 0;
    int64_t hidden_size = 0, num_hidden_layers = 0, num_attention_heads = 0, intermediate_size = 0;
    int64_t prefix_tokens = 0;  // before the patches' tokens: class token, registers
    int64_t registers = 0;      // how many of them are no class token
    int64_t num_labels = 0;
    bool any_size = true;        // takes images of other sizes too, and resizes its positions
    double stem_operations = 0;  // of one image before the first layer; a multiply-add is two
    // How pictures are prepared for it if no file says so: what Transformers' class of this name
    // does by itself, with ImageNet's mean and deviation instead of the class's or not, for
    // pictures of this side (0: image_size).
    std::string image_processor = "ViTImageProcessor";
    bool imagenet_statistics = false;
    int64_t picture_side = 0;

    // Whether one of the first tokens is a class token.
    bool class_token() const { return prefix_tokens > registers; }
  };
  virtual Shape shape() const = 0;
  // The classes' names, as its config.json says them.
  virtual ConfigFields label_fields(const std::vector<std::string>& class_names) const;
  std::string backbone_prefix() const override { return shape().model_type + '.'; }
  bool in_head(const std::string& path) override;
  std::string make_new_head() override;
  // What tells the classes apart, by path: `classifier`, and one more if the model has two.
  struct Head {
    std::string path;
    Linear* layer;
  };
  virtual std::vector<Head> heads() { return {{"classifier", &classifier}}; }
  // A new classifier (all heads), drawn from the default generator, for another number of classes;
  // of the old one's dtype, on its device.
  void reset_classifier(int64_t num_labels);
  // Takes images of any size from now on, as most models do anyway: positions are resized for each
  // batch.
  virtual void take_any_size() {}
  // Makes it a model of square images of another size, as configuration and position embeddings
  // say then: these are resized once as Transformers (timm's models: timm) resizes them for each
  // batch of such images. Adapters and optimisers are made afterwards. Throws ArgumentError unless
  // the patches divide the size.
  void set_image_size(int64_t image_size);

 protected:
  // The classifier comes last: reset_classifier(inputs, num_labels) in the model's constructor.
  ImageClassifier() : classifier(0, 0) {}
  void reset_classifier(int64_t inputs, int64_t num_labels);
  // Notes the number in the configuration; returns initializer_range.
  virtual double set_num_labels(int64_t num_labels) = 0;
  // Position embeddings, and how they are resized (nn/models/detail/position_embeddings.h).
  struct Positions {
    Tensor* embeddings = nullptr;  // null: the model computes its positions
    int64_t tokens = 0;            // before the patches'
    bool antialias = false;
  };
  // Notes the size in the configuration.
  virtual Positions set_size(int64_t image_size) = 0;
};

// A patch embedding's operations: 2 patches x pixels x channels x D.
double patch_operations(int64_t image_size, int64_t patch_size, int64_t channels, int64_t features);

// A transformer's start: weights of two and more dimensions N(0, std^2) cut off at two deviations,
// tokens and positions too, biases 0. Norms and layer scales stay.
void initialise_transformer(Module& module, double std);

}  // namespace papilio::nn
