/** What there is to see in each network, in a sentence or two; a network without a note is shown without one. */

/** @type {Record<string, string>} */
export const NOTES = {
  single_neuron:
    "All pixels are added up to one number, which is rounded. So digits lie in a row, and a doubt between 1 and 9 comes out as 5.",
  ten_neurons: "Ten neurons before that one number let it bend, but the digits still lie in a row.",
  lab_cnn: "Three convolutions, and ten outputs instead of one number: nothing lies between 1 and 9 any more.",
  elu_mlp: "Saw a thousand pictures two hundred times each. It knows those by heart, and yours less well.",
  softmax_regression: "Ten sums of the pixels, one for each digit; the largest wins. A digit moved aside is another digit to it.",
  logistic_regression: "The same network as lab C's, but trained more gently and not as long. That alone makes the difference.",
  mlp_128_64: "Two layers of neurons, 128 and 64, between the pixels and the answer.",
  convnet: "Eight small filters look for the same strokes everywhere in the picture.",
  convnet_dropout: "The network before, but half of its features were switched off at random while it learned.",
  convnet_deep: "Three convolutions, each looking at the smaller picture that the one before made.",
  convnet_batchnorm: "Six convolutions, each brought back to one scale by batch norm. The most work for one picture.",
  convnet_batchnorm_int8: "The network before, in whole numbers of eight bits: a quarter of the size, and hardly an answer differs.",
  fashion_linear: "Two layers with nothing that bends between them can do no more than one.",
  fashion_sigmoid: "Its outputs are squeezed between 0 and 1 before they are compared, so none gets far ahead.",
  fashion_mlp: "The first one with eight more neurons. Without a bend, more of them help little.",
  fashion_champion: "Our own: it looks at all pixels before it halves the picture, and four larger networks taught it.",
  fashion_tanh: "Two layers that bend, 512 and 256 neurons, trained ten times as long.",
  champion: "Our own, and the default: small, and taught by four larger networks. It has seen drawings, photos and things that are no digits, so it can say no.",
  champion_int8: "The network before, in whole numbers of eight bits: a quarter of the size, and hardly an answer differs.",
  reader: "The champion's forerunner, without teachers: trained on made-up drawings and photos as people send them, and on things that are no digits, so that it can say no.",
};
